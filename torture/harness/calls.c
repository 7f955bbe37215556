/*
 * Calls that fail: those of the C library that reach the kernel, as libcurl, OpenSSL and the module
 * make them. Defined here, they take the place of the C library's in every library of the process;
 * what the C library calls inside of itself does not come by.
 *
 * The name harness.test is that of this machine here, so that libcurl has something to look up.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

/* What a name server takes at least: libcurl has to wait for its resolver's thread. */
enum { LOOKUP_MICROSECONDS = 10000 };

#define E(name) {#name, name}

/* Each kind of calls, its name, and how they fail. CONNECTED is what SO_ERROR says of a connection that is being made. */
#define KINDS(KIND)                                                                                \
  KIND(SOCKET, "socket", E(EMFILE), E(ENFILE), E(ENOBUFS), E(ENOMEM), E(EACCES), E(EAFNOSUPPORT))  \
  KIND(CONNECT, "connect", E(ECONNREFUSED), E(ETIMEDOUT), E(EHOSTUNREACH), E(ENETUNREACH),         \
       E(EADDRNOTAVAIL), E(EACCES), E(EPERM), E(EINTR), E(EAGAIN))                                 \
  KIND(CONNECTED, "connected", E(ECONNREFUSED), E(ETIMEDOUT), E(EHOSTUNREACH), E(ENETUNREACH),     \
       E(ECONNRESET))                                                                              \
  KIND(GETSOCKOPT, "getsockopt", E(ENOBUFS), E(EBADF))                                             \
  KIND(SETSOCKOPT, "setsockopt", E(ENOBUFS), E(ENOMEM), E(ENOPROTOOPT), E(EINVAL))                 \
  KIND(GETSOCKNAME, "getsockname", E(ENOBUFS), E(ENOTCONN))                                        \
  KIND(FCNTL, "fcntl", E(EINTR), E(EAGAIN), E(EACCES), E(EBADF))                                   \
  KIND(SEND, "send", E(EINTR), E(EAGAIN), E(ECONNRESET), E(EPIPE), E(ETIMEDOUT), E(EHOSTUNREACH),  \
       E(ENETUNREACH), E(ENOBUFS), E(ENOMEM), E(EACCES), E(EPERM), {"short", 0})                   \
  KIND(RECV, "recv", E(EINTR), E(EAGAIN), E(ECONNRESET), E(ETIMEDOUT), E(EHOSTUNREACH),            \
       E(ENETUNREACH), E(ENOMEM), E(ENOBUFS), {"short", 0})                                        \
  KIND(POLL, "poll", E(EINTR), E(ENOMEM), E(EAGAIN))                                               \
  KIND(EPOLL_CREATE, "epoll_create1", E(EMFILE), E(ENFILE), E(ENOMEM))                             \
  KIND(EPOLL_CTL, "epoll_ctl", E(ENOMEM), E(ENOSPC), E(EPERM), E(ENOENT), E(EEXIST), E(EBADF))     \
  KIND(EPOLL_WAIT, "epoll_wait", E(EINTR), E(ENOMEM), E(EBADF))                                    \
  KIND(SOCKETPAIR, "socketpair", E(EMFILE), E(ENFILE), E(ENOMEM))                                  \
  KIND(RANDOM, "getrandom", E(EINTR), E(EAGAIN), E(ENOSYS), E(EIO))                                \
  KIND(THREAD, "pthread_create", E(EAGAIN), E(EPERM), E(ENOMEM))                                   \
  KIND(LOOKUP, "getaddrinfo", E(EAI_AGAIN), E(EAI_NONAME), E(EAI_FAIL), E(EAI_MEMORY),             \
       E(EAI_SYSTEM))                                                                              \
  KIND(OPEN, "open", E(EMFILE), E(ENFILE), E(ENOENT), E(EACCES), E(ENOMEM), E(EINTR))              \
  KIND(CLOSE, "close", E(EINTR), E(EIO))

#define NUMBER(kind, name, ...) kind,
enum { KINDS(NUMBER) };

#define ROW(kind, name, ...) {name, (const struct call_error[]){__VA_ARGS__, {NULL, 0}}},
const struct call call_kinds[] = {KINDS(ROW){NULL, NULL}};

static const struct call_error *error;

void call_set_error(const struct call_error *new_error) {
  error = new_error;
}

/* Whether this call fails; errno is set then, unless it is only to be short. */
static bool fails(int kind) {
  if (!counter_hits(SOURCE_CALLS + kind)) {
    return false;
  }
  errno = error->number;
  return true;
}

/* What is called in the end: the next definition of the function, the C library's. */
#define REAL(result, name, parameters)         \
  static result(*real) parameters;             \
  if (real == NULL) {                          \
    *(void **)&real = dlsym(RTLD_NEXT, #name); \
  }

/* A function that is the C library's, but for the calls that fail. */
#define FAILING(kind, failure, result, name, parameters, arguments) \
  result name parameters {                                          \
    REAL(result, name, parameters)                                  \
    return fails(kind) ? (failure) : real arguments;                \
  }

/* The types of addresses are glibc's own: with _GNU_SOURCE it declares these functions so. */
FAILING(SOCKET, -1, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(SOCKETPAIR, -1, int, socketpair, (int domain, int type, int protocol, int ends[2]),
        (domain, type, protocol, ends))
FAILING(CONNECT, -1, int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t length),
        (fd, address, length))
FAILING(SETSOCKOPT, -1, int, setsockopt,
        (int fd, int level, int option, const void *value, socklen_t length),
        (fd, level, option, value, length))
FAILING(GETSOCKNAME, -1, int, getsockname,
        (int fd, __SOCKADDR_ARG address, socklen_t *restrict length), (fd, address, length))
FAILING(GETSOCKNAME, -1, int, getpeername,
        (int fd, __SOCKADDR_ARG address, socklen_t *restrict length), (fd, address, length))
FAILING(POLL, -1, int, poll, (struct pollfd * fds, nfds_t count, int timeout),
        (fds, count, timeout))
FAILING(EPOLL_CREATE, -1, int, epoll_create1, (int flags), (flags))
FAILING(EPOLL_CTL, -1, int, epoll_ctl,
        (int epoll, int operation, int fd, struct epoll_event *event),
        (epoll, operation, fd, event))
FAILING(EPOLL_WAIT, -1, int, epoll_wait,
        (int epoll, struct epoll_event *events, int most, int timeout),
        (epoll, events, most, timeout))
FAILING(RANDOM, -1, int, getentropy, (void *bytes, size_t length), (bytes, length))
FAILING(OPEN, NULL, FILE *, fopen, (const char *restrict path, const char *restrict mode),
        (path, mode))
FAILING(OPEN, NULL, FILE *, fopen64, (const char *restrict path, const char *restrict mode),
        (path, mode))
FAILING(THREAD, errno, int, pthread_create,
        (pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
         void *(*start)(void *), void *restrict argument),
        (thread, attributes, start, argument))

int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict length) {
  REAL(int, getsockopt, (int, int, int, void *, socklen_t *))
  if (fails(GETSOCKOPT)) {
    return -1;
  }
  int result = real(fd, level, option, value, length);
  if (result == 0 && level == SOL_SOCKET && option == SO_ERROR && fails(CONNECTED)) {
    *(int *)value = errno;
  }
  return result;
}

int fcntl(int fd, int command, ...) {
  REAL(int, fcntl, (int, int, ...))
  va_list arguments;
  va_start(arguments, command);
  long argument = va_arg(arguments, long);
  va_end(arguments);
  return fails(FCNTL) ? -1 : real(fd, command, argument);
}

/* How many of `length` bytes a call is to handle: all, one, or (-1) none because it fails. */
static ssize_t share(int kind, size_t length) {
  if (!fails(kind)) {
    return (ssize_t)length;
  }
  return strcmp(error->name, "short") == 0 ? (length > 0 ? 1 : 0) : -1;
}

/* A function that may also handle a part only; `arguments` has `part` for the length. */
#define PARTIAL(kind, name, parameters, arguments)   \
  ssize_t name parameters {                          \
    REAL(ssize_t, name, parameters)                  \
    ssize_t share_of_it = share(kind, length);       \
    size_t part = (size_t)share_of_it;               \
    return share_of_it < 0 ? -1 : real arguments;    \
  }

PARTIAL(SEND, send, (int fd, const void *data, size_t length, int flags), (fd, data, part, flags))
PARTIAL(SEND, sendto,
        (int fd, const void *data, size_t length, int flags, __CONST_SOCKADDR_ARG address,
         socklen_t size),
        (fd, data, part, flags, address, size))
PARTIAL(SEND, write, (int fd, const void *data, size_t length), (fd, data, part))
PARTIAL(RECV, recv, (int fd, void *data, size_t length, int flags), (fd, data, part, flags))
PARTIAL(RECV, recvfrom,
        (int fd, void *restrict data, size_t length, int flags, __SOCKADDR_ARG address,
         socklen_t *restrict size),
        (fd, data, part, flags, address, size))
PARTIAL(RECV, read, (int fd, void *data, size_t length), (fd, data, part))

/* OpenSSL asks for random bytes so. */
long syscall(long number, ...) {
  REAL(long, syscall, (long, ...))
  va_list arguments;
  long words[6];
  va_start(arguments, number);
  for (int i = 0; i < 6; i++) {
    words[i] = va_arg(arguments, long);
  }
  va_end(arguments);
  if (number == SYS_getrandom && fails(RANDOM)) {
    return -1;
  }
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found) {
  REAL(int, getaddrinfo,
       (const char *, const char *, const struct addrinfo *, struct addrinfo **))
  if (fails(LOOKUP)) {
    int code = errno;
    errno = code == EAI_SYSTEM ? EMFILE : 0;
    return code;
  }
  bool here = node != NULL && strcmp(node, "harness.test") == 0;
  if (here) {
    usleep(LOOKUP_MICROSECONDS);
  }
  return real(here ? "127.0.0.1" : node, service, hints, found);
}

int open(const char *path, int flags, ...) {
  REAL(int, open, (const char *, int, ...))
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return fails(OPEN) ? -1 : real(path, flags, mode);
}

/* The kernel has closed it, whatever it says. */
int close(int fd) {
  REAL(int, close, (int))
  int result = real(fd);
  return fails(CLOSE) ? -1 : result;
}
