/* Prints as many free ports of loopback as asked for: `ports 3`. The system chooses them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  int count = argc == 2 ? atoi(argv[1]) : 1;
  for (int i = 0; i < count; i++) {
    /* The sockets stay open until the end, so that no port comes twice. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
      perror("ports");
      return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
  }
  return 0;
}
