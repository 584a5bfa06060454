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
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <resolv.h>
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

// The seconds for which DNS (RFC 1035 §3.2.1) says that `name` has `address` (of 4 or 16 bytes): the least of the answer's
// records, aliases included. -1 when DNS does not say so: the address is from elsewhere, or no server answered in a second.
static inline long agentgw_address_ttl(const char *name, const unsigned char *address, int length) {
    struct __res_state state;
    __builtin_memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0) return -1;
    state.retrans = 1;
    state.retry = 1;
    unsigned char answer[4096];
    int type = length == 4 ? ns_t_a : ns_t_aaaa;
    int size = res_nsearch(&state, name, ns_c_in, type, answer, sizeof answer);
    res_nclose(&state);
    // A longer answer came truncated; the parser must not look behind what is there.
    if (size <= 0 || size > (int)sizeof answer) return -1;
    ns_msg message;
    if (ns_initparse(answer, size, &message) != 0) return -1;
    long least = -1;
    int found = 0;
    for (int index = 0; index < ns_msg_count(message, ns_s_an); index++) {
        ns_rr record;
        if (ns_parserr(&message, ns_s_an, index, &record) != 0) return -1;
        long ttl = (long)ns_rr_ttl(record);
        if (least < 0 || ttl < least) least = ttl;
        if (ns_rr_type(record) == type && ns_rr_rdlen(record) == length
            && __builtin_memcmp(ns_rr_rdata(record), address, (unsigned long)length) == 0)
            found = 1;
    }
    return found ? least : -1;
}
// Declared by string.h only under _GNU_SOURCE.
extern void *memmem(const void *text, size_t length, const void *part, size_t part_length);

static inline int agentgw_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

// Starts a program in a process group of its own that dies with the calling thread, with nothing but the three
// descriptors, no blocked signals and SIGPIPE as it is by default. posix_spawn knows neither PR_SET_PDEATHSIG nor
// close_range. Returns the pid, or -errno of the step that failed in the child. The child shares the caller's memory
// until it executes: it only makes system calls.
__attribute__((noinline)) static pid_t agentgw_spawn(
    const char *path, char *const *arguments, char *const *environment, int input, int output, int error) {
    sigset_t all, saved;
    volatile int failure = 0;
    pid_t parent = getpid();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    pid_t pid = vfork();
    if (pid == 0) {
        setpgid(0, 0);
        if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) goto failed;
        if (syscall(SYS_close_range, 3, ~0U, 0) < 0) goto failed;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) goto failed;
        if (getppid() != parent) _exit(127);
        struct sigaction action;
        __builtin_memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        for (int number = 1; number < 32; number++) sigaction(number, &action, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, 0);
        execve(path, arguments, environment);
    failed:
        failure = errno;
        _exit(127);
    }
    int problem = errno;
    pthread_sigmask(SIG_SETMASK, &saved, 0);
    if (pid < 0) return -problem;
    if (failure != 0) {
        int status;
        waitpid(pid, &status, 0);
        return -failure;
    }
    return pid;
}
