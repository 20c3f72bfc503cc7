"""An agent of the original v1, played by Python's websockets: JSON-RPC 2.0 in text messages, base64 bodies, no subprotocol."""

import base64
import json
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from miagent_tests.waiting import DEADLINE_SECONDS, eventually

#: Returned by a `respond` function instead of a result.
SILENCE = object()
CLOSE = object()


def result(status=200, headers=None, body=b""):
    """The original v1's `result`."""
    return {"statusCode": status, "headers": headers or {}, "body": base64.b64encode(body).decode()}


class RPCError(Exception):
    """Raised by a `respond` function: the agent responds with a JSON-RPC error."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class V1Agent:
    """Responds to every `web.request` with `respond(params)`, in the order in which they come, on a thread of its own."""

    def __init__(self, gateway, agent_id, respond, token=None, place="query"):
        self.respond = respond
        self.messages = []  # everything that came, as it came
        url, headers = f"{gateway.agent_url}?agentId={agent_id}", {}
        if place == "register":
            url = gateway.agent_url
        elif token and place == "query":
            url += f"&token={token}"
        elif token:
            headers["Authorization"] = f"Bearer {token}"
        self.socket = connect(url, additional_headers=headers, max_size=None, open_timeout=DEADLINE_SECONDS, proxy=None)
        self.registration = None
        if place == "register":
            self.registration = self._register(agent_id, token)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        if place != "register":
            gateway.wait_for_event("agent.registered", agent=agent_id, protocol="miagent.v1")

    def _register(self, agent_id, token):
        params = {"agentId": agent_id, "type": "v1", "model": "none", "webService": {"enabled": True}}
        if token:
            params["token"] = token
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": "r1", "method": "agent.register", "params": params}))
        return json.loads(self.socket.recv(timeout=DEADLINE_SECONDS))

    def _serve(self):
        try:
            for message in self.socket:
                self.messages.append(message)
                parsed = json.loads(message)
                if "method" in parsed and "id" in parsed:
                    self._handle(parsed)
        except ConnectionClosed:
            pass

    def _handle(self, request):
        try:
            response = self.respond(request["params"])
        except RPCError as error:
            response = {"error": {"code": error.code, "message": str(error)}}
        else:
            if response is SILENCE:
                return
            if response is CLOSE:
                return self.socket.close()
            response = {"result": response}
        self.send({"jsonrpc": "2.0", "id": request["id"], **response})

    def send(self, message):
        self.socket.send(json.dumps(message))

    @property
    def requests(self):
        """The parsed `web.request`s so far."""
        parsed = [json.loads(message) for message in self.messages]
        return [message for message in parsed if message.get("method") == "web.request"]

    def last_params(self):
        return eventually(lambda: self.requests and self.requests[-1], "a web.request at the agent")["params"]

    def wait_for_close(self):
        """The code with which the gateway ended the connection."""
        self.thread.join(DEADLINE_SECONDS)
        return self.socket.close_code

    def close(self):
        self.socket.close()
        assert all(isinstance(message, str) for message in self.messages)  # v1 has no binary messages
