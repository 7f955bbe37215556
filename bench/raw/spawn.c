/* Runs a command many times and prints the medians of what it took: `spawn COUNT COMMAND ...`. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double wall_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double microseconds(struct timeval time) {
  return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static int run(char **command, double *cpu, double *wall) {
  struct rusage usage;
  int status = 0;
  double start = wall_now();
  pid_t pid = fork();
  if (pid == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
    return -1;
  }
  *wall = wall_now() - start;
  *cpu = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  return 0;
}

int main(int argc, char **argv) {
  size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
  double *cpu = calloc(count + 1, sizeof *cpu);
  double *wall = calloc(count + 1, sizeof *wall);
  if (count == 0 || cpu == NULL || wall == NULL) {
    fprintf(stderr, "usage: spawn COUNT COMMAND ...\n");
    return 1;
  }
  for (size_t i = 0; i < count; i++) {
    if (run(argv + 2, &cpu[i], &wall[i]) != 0) {
      fprintf(stderr, "spawn: %s failed\n", argv[2]);
      return 1;
    }
  }
  qsort(cpu, count, sizeof *cpu, ascending);
  qsort(wall, count, sizeof *wall, ascending);
  printf("cpu_us=%.3f wall_us=%.3f\n", cpu[count / 2], wall[count / 2]);
  free(cpu);
  free(wall);
  return 0;
}
