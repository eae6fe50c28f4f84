"""AWS CloudFormation as a moto service: it describes the deployed stacks, and nothing else.

moto's own takes ten seconds to import, and would not know stacks that it has not deployed.
"""

from .models import cloudformation_backends as cloudformation_backends
