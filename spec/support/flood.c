/*
 * A TLS server that floods its client with what no HTTP response holds:
 *
 *     flood key-updates CERTIFICATE KEY    key updates, after the request
 *     flood tickets CERTIFICATE KEY        session tickets
 *     flood few-tickets CERTIFICATE KEY    no flood: 40 session tickets before each response
 *
 * It prints its port, and ends after a minute.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORDS = 2000 }; /* made first, so that they come as fast as the client takes them */

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

static void flood(int fd, const char *mode, const char *certificate, const char *key) {
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

int main(int count, char **arguments) {
  if (count != 4) {
    return 2;
  }
  alarm(60);
  signal(SIGPIPE, SIG_IGN);
  for (int server = listen_at();;) {
    int fd = accept(server, NULL, NULL);
    flood(fd, arguments[1], arguments[2], arguments[3]);
    close(fd);
  }
}
