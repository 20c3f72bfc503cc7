// The agent's daemon: reads its words and settings and lets AgentKit's machine run over SocketKit's loop.

import SocketKit

exitProcess(AgentCommand.run(arguments: Array(CommandLine.arguments.dropFirst())))
