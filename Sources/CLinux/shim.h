// The Linux system calls that Glibc's Swift overlay leaves out. Declarations only.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

// accept4 and pipe2 are declared only under _GNU_SOURCE, which a module's importer cannot set.
static inline int agentgw_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}
static inline int agentgw_pipe2(int fds[2], int flags) { return (int)syscall(SYS_pipe2, fds, flags); }

// Declared by pthread.h only under _GNU_SOURCE.
extern int pthread_setname_np(pthread_t thread, const char *name);
