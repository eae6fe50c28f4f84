"""customer-profiles base URL and path."""

from .responses import CustomerProfilesResponse

url_bases = [r"https?://profile\.(.+)\.amazonaws\.com"]

url_paths = {"{0}/.*$": CustomerProfilesResponse.dispatch}
