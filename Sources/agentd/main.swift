// The agent's daemon: reads its arguments and settings, and runs AgentKit's machine on SocketKit's loop.

import SocketKit

exitProcess(AgentCommand.run(Array(CommandLine.arguments.dropFirst())))
