/*
 * A server that floods its client with what no HTTP response holds:
 *
 *     flood key-updates CERTIFICATE KEY    TLS key updates, after the request
 *     flood tickets CERTIFICATE KEY        TLS session tickets
 *     flood few-tickets CERTIFICATE KEY    no flood: 40 session tickets before each response
 *     flood hello-requests                 HelloRequests, in place of the server's part of the handshake
 *     flood fragments                      a certificate in records of one byte, of which the end never comes
 *     flood connect-body                   a body without end, in the response to CONNECT
 *     flood connect-extension              a chunk extension without end, in the same
 *
 * It prints its port and ends with its standard input.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORDS = 2000 }; /* made first, so that they come as fast as the client takes them */

static void *end_with_input(void *unused) {
  char byte;
  (void)unused;
  while (read(0, &byte, 1) > 0) {
  }
  _exit(0);
}

static int listen_at(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 8) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
    exit(1);
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void respond_with_tickets(SSL *ssl) {
  static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
  char request[65536];
  do {
    for (int i = 0; i < 40; i++) {
      SSL_new_session_ticket(ssl);
      SSL_do_handshake(ssl);
    }
    SSL_write(ssl, accepted, sizeof accepted - 1);
  } while (SSL_read(ssl, request, sizeof request) > 0);
}

static void flood_tls(int fd, const char *mode, const char *certificate, const char *key) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  SSL *ssl = SSL_new(context);
  char request[65536];
  if (SSL_use_certificate_file(ssl, certificate, SSL_FILETYPE_PEM) != 1 ||
      SSL_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1 || SSL_set_fd(ssl, fd) != 1 ||
      SSL_accept(ssl) != 1 || SSL_read(ssl, request, sizeof request) <= 0) {
    return;
  }
  if (strcmp(mode, "few-tickets") == 0) {
    respond_with_tickets(ssl);
    return;
  }
  BIO *records = BIO_new(BIO_s_mem());
  SSL_set0_wbio(ssl, records);
  for (int i = 0; i < RECORDS; i++) {
    if (strcmp(mode, "tickets") == 0) {
      SSL_new_session_ticket(ssl);
    } else {
      SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    }
    SSL_do_handshake(ssl);
  }
  char *data;
  long left = BIO_get_mem_data(records, &data);
  for (ssize_t sent; left > 0 && (sent = write(fd, data, (size_t)left)) > 0; left -= sent) {
    data += sent;
  }
  pause();
}

/* Plain records of 4,096 HelloRequests each: four zeros are one. */
static void flood_handshake(int fd) {
  static char records[64][5 + 16384];
  if (read(fd, records, sizeof records) <= 0) {
    return;
  }
  memset(records, 0, sizeof records);
  for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
    memcpy(records[i], "\x16\3\3\x40", 4);
  }
  while (write(fd, records, sizeof records) > 0) {
  }
}

/* More records than an honest handshake has: a flood without end would be too large sooner or later. */
static void flood_fragments(int fd) {
  static const char hello[] = "\x16\3\3\0\x31\2\0\0\x2d\3\3................................"
                              "\0\xc0\x2f\0\0\5\xff\1\0\1\0";
  static const char certificate[] = {0xb, 0, 0x40, 0}; /* and 16384 bytes */
  char records[300][6];
  memset(records, 0, sizeof records);
  for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
    memcpy(records[i], "\x16\3\3\0\1", 5);
    records[i][5] = i < sizeof certificate ? certificate[i] : 0;
  }
  if (read(fd, (char[4096]){0}, 4096) > 0 && write(fd, hello, sizeof hello - 1) > 0 &&
      write(fd, records, sizeof records) > 0) {
    read(fd, (char[1]){0}, 1);
  }
}

static void flood_connect(int fd, const char *mode) {
  static const char body[] = "HTTP/1.1 407 No\r\nContent-Length: 9000000000\r\n\r\n";
  static const char extension[] = "HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n1;";
  const char *head = strcmp(mode, "connect-body") == 0 ? body : extension;
  char block[65536];
  if (read(fd, block, sizeof block) <= 0 || write(fd, head, strlen(head)) <= 0) {
    return;
  }
  memset(block, 'x', sizeof block);
  while (write(fd, block, sizeof block) > 0) {
  }
}

int main(int count, char **arguments) {
  pthread_t thread;
  if (count < 2 || pthread_create(&thread, NULL, end_with_input, NULL) != 0) {
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  for (int server = listen_at();;) {
    int fd = accept(server, NULL, NULL);
    if (count == 4) {
      flood_tls(fd, arguments[1], arguments[2], arguments[3]);
    } else if (strcmp(arguments[1], "hello-requests") == 0) {
      flood_handshake(fd);
    } else if (strcmp(arguments[1], "fragments") == 0) {
      flood_fragments(fd);
    } else {
      flood_connect(fd, arguments[1]);
    }
    close(fd);
  }
}
