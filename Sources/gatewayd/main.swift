// The gateway's daemon: reads its arguments and settings, listens, and lets GatewayKit's machine run over SocketKit's loop.

import SocketKit

exitProcess(GatewayCommand.run(Array(CommandLine.arguments.dropFirst())))
