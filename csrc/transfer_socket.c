/*
 * The sockets that libcurl has opened, and their state according to the kernel and the TLS library.
 *
 * libcurl's own check of a kept connection differs between versions, and 8.23 skips it for a
 * connection that was idle for less than a second. So each connection is checked right before a
 * request is sent over it (CURLOPT_PREREQFUNCTION). At that moment CURLINFO_ACTIVESOCKET is -1 with
 * 7.88 and 8.14, so the socket is found by its local port among those opened here.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/tcp.h>
#endif

#include "transfer.h"

/* The functions of the TLS libraries that report bytes which were read and not delivered. They are
 * weak: each exists only if libcurl was built with that library.
 * https://docs.openssl.org/3.0/man3/SSL_pending/
 * https://gnutls.org/reference/gnutls-gnutls.html#gnutls-record-check-pending */
extern int SSL_has_pending(const void *ssl) __attribute__((weak));
extern size_t gnutls_record_check_pending(void *session) __attribute__((weak));

extern long SSL_ctrl(void *ssl, int command, long value, void *pointer) __attribute__((weak));
extern void SSL_set_shutdown(void *ssl, int mode) __attribute__((weak));
extern void SSL_CTX_set_msg_callback(void *context,
                                     void (*callback)(int written, int version, int type,
                                                      const void *message, size_t length, void *ssl,
                                                      void *argument)) __attribute__((weak));

/* SSL3_RT_HANDSHAKE, SSL_RECEIVED_SHUTDOWN, SSL_set_msg_callback_arg */
enum { SSL_HANDSHAKE = 22, SSL_RECEIVED_END = 2, SSL_SET_ARGUMENT = 16 };

/* Handshake messages for each request, and records that hold them; a handshake has about 15. */
enum { HANDSHAKE_LIMIT = 200 };

enum { FIRST_CAPACITY = 16 };

static bool reserve(struct lcpp_sockets *sockets) {
  if (sockets->count < sockets->capacity) {
    return true;
  }
  size_t capacity = sockets->capacity != 0 ? sockets->capacity * 2 : FIRST_CAPACITY;
  struct lcpp_socket *list = realloc(sockets->list, capacity * sizeof *list);
  if (list == NULL) {
    return false;
  }
  sockets->list = list;
  sockets->capacity = capacity;
  return true;
}

static void forget(struct lcpp_sockets *sockets, int fd) {
  for (size_t i = 0; i < sockets->count; i++) {
    if (sockets->list[i].fd == fd) {
      sockets->list[i] = sockets->list[--sockets->count];
      return;
    }
  }
}

/* A socket that programs started by the host do not inherit, and that never blocks: libcurl sets
 * this later without checking the result.
 * https://curl.se/libcurl/c/CURLOPT_OPENSOCKETFUNCTION.html */
static curl_socket_t open_socket(void *argument, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  struct lcpp_sockets *sockets = argument;
  (void)purpose;
  if (!reserve(sockets)) {
    return CURL_SOCKET_BAD;
  }
#ifdef SOCK_CLOEXEC
  int fd =
      socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
#else
  int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
    close(fd);
    fd = -1;
  }
#endif
  if (fd < 0) {
    return CURL_SOCKET_BAD;
  }
  forget(sockets, fd); /* libcurl may have closed a socket without calling close_socket */
  sockets->list[sockets->count++] = (struct lcpp_socket){.fd = fd};
  return fd;
}

static int close_socket(void *argument, curl_socket_t fd) {
  forget(argument, fd);
  return close(fd);
}

void lcpp_sockets_attach(struct lcpp_sockets *sockets, CURL *easy) {
  /* Setting a pointer allocates nothing, so it cannot fail. */
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
}

void lcpp_sockets_free(struct lcpp_sockets *sockets) {
  free(sockets->list);
  *sockets = (struct lcpp_sockets){0};
}

static int local_port_of(int fd) {
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
    return 0;
  }
  if (address.ss_family == AF_INET) {
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
  }
  return address.ss_family == AF_INET6
             ? ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port)
             : 0;
}

/* Two sockets to different servers may share a local port. Then it is unknown which one is meant,
 * so neither is found. The port of a match is read again: libcurl may have closed the socket
 * without calling close_socket, and its number may have been reused. */
int lcpp_sockets_find(struct lcpp_sockets *sockets, int local_port) {
  int fd = -1;
  for (size_t i = 0; i < sockets->count; i++) {
    struct lcpp_socket *socket = &sockets->list[i];
    if (socket->local_port == 0) {
      socket->local_port = local_port_of(socket->fd);
    }
    if (socket->local_port == local_port && local_port_of(socket->fd) == local_port) {
      if (fd >= 0) {
        return -1;
      }
      fd = socket->fd;
    }
  }
  return fd;
}

/* Whether the TLS library holds bytes of the connection, or does not report it.
 * https://curl.se/libcurl/c/CURLINFO_TLS_SSL_PTR.html */
static bool is_pending_in_tls(CURL *easy) {
  struct curl_tlssessioninfo *session = NULL;
  curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session);
  if (session != NULL && session->internals == NULL) {
    return false; /* no TLS */
  }
  if (session == NULL) {
    return true; /* GCOV_EXCL_LINE: libcurl without TLS */
  }
  if (session->backend == CURLSSLBACKEND_OPENSSL && SSL_has_pending != NULL && SSL_ctrl != NULL) {
    SSL_ctrl(session->internals, SSL_SET_ARGUMENT, 0, NULL); /* see on_tls_message */
    return SSL_has_pending(session->internals) != 0;
  }
  /* GCOV_EXCL_START: libcurl over another TLS library */
  return session->backend != CURLSSLBACKEND_GNUTLS || gnutls_record_check_pending == NULL ||
         gnutls_record_check_pending(session->internals) != 0;
  /* GCOV_EXCL_STOP */
}

enum lcpp_freshness lcpp_socket_check(int fd, CURL *easy) {
  char byte;
  ssize_t count = fd >= 0 ? recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 0;
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
    return LCPP_ENDED;
  }
  return count > 0 || is_pending_in_tls(easy) ? LCPP_PENDING : LCPP_FRESH;
}

/* OpenSSL reads handshake messages in one call until they end: session tickets, key updates,
 * HelloRequests, or a certificate in records of one byte. The argument counts messages and records
 * of a connection since its last request began; too many count as an end by the server. Of a
 * record, `message` is its header, or the type of its content.
 * https://docs.openssl.org/3.0/man3/SSL_CTX_set_msg_callback/ */
static void on_tls_message(int written, int version, int type, const void *message, size_t length,
                           void *ssl, void *argument) {
  static char counts[HANDSHAKE_LIMIT + 1]; /* only pointed to */
  char *count = argument != NULL ? argument : counts;
  (void)version;
  if (written || length == 0 ||
      (type != SSL_HANDSHAKE && *(const unsigned char *)message != SSL_HANDSHAKE)) {
    return;
  }
  if (count < counts + HANDSHAKE_LIMIT) {
    SSL_ctrl(ssl, SSL_SET_ARGUMENT, 0, count + 1);
  } else {
    SSL_set_shutdown(ssl, SSL_RECEIVED_END);
  }
}

void lcpp_tls_bound(void *context) {
  /* GCOV_EXCL_BR_START: libcurl over OpenSSL has all of them */
  if (SSL_CTX_set_msg_callback != NULL && SSL_ctrl != NULL && SSL_set_shutdown != NULL) {
    SSL_CTX_set_msg_callback(context, on_tls_message);
  }
  /* GCOV_EXCL_BR_STOP */
}

unsigned long long lcpp_socket_received(int fd) {
#ifdef __linux__
  struct tcp_info information = {0};
  socklen_t length = sizeof information;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &length) == 0) {
    return information.tcpi_bytes_received;
  }
#else
  (void)fd;
#endif
  return 0;
}
