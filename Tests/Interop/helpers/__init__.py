"""What these tests alone share: agents and gateways of other implementations, hostile tunnels, the API's description."""
