"""appflow base URL and path."""

from .responses import AppflowResponse

url_bases = [r"https?://appflow\.(.+)\.amazonaws\.com"]

url_paths = {"{0}/.*$": AppflowResponse.dispatch}
