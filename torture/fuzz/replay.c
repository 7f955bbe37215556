/* Runs a fuzz target in C on the files that are named, without the fuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 1 << 20 };

int main(int count, char **names) {
  uint8_t *data = malloc(LONGEST);
  for (int i = 1; i < count && data != NULL; i++) {
    FILE *file = fopen(names[i], "rb");
    if (file == NULL) {
      perror(names[i]);
      return 1;
    }
    LLVMFuzzerTestOneInput(data, fread(data, 1, LONGEST, file));
    fclose(file);
  }
  free(data);
  return 0;
}
