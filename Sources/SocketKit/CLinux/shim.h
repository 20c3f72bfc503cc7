// What the engine needs of Linux and Swift's Glibc module does not declare: epoll, eventfd, accept4 and, of glibc,
// mallopt.
// Headers only. _GNU_SOURCE stays undefined, because it would make declarations here differ from those of the Glibc module;
// GNU functions are declared by hand instead.

#ifndef MIAGENT_CLINUX_SHIM_H
#define MIAGENT_CLINUX_SHIM_H

#include <sys/epoll.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/eventfd.h>
#include <sys/socket.h>

// accept4(2): accept with SOCK_NONBLOCK and SOCK_CLOEXEC set on the new descriptor, in one call.
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

#endif
