/* Runs a fuzz target's function over the files named on the command line, so that a corpus needs no libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay(const char *path)
{
	uint8_t *data = NULL;
	size_t n;
	FILE *f = fopen(path, "rb");
	int rc = -1;

	if (!f)
		goto out;
	if (fseek(f, 0, SEEK_END) < 0)
		goto out;
	n = (size_t)ftell(f);
	rewind(f);
	data = malloc(n ? n : 1); /* exact, so that ASan sees the first byte behind it */
	if (!data || fread(data, 1, n, f) != n)
		goto out;
	LLVMFuzzerTestOneInput(data, n);
	rc = 0;
out:
	if (rc < 0)
		perror(path);
	if (f)
		fclose(f);
	free(data);
	return rc;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) < 0)
			return 1;
	}
	return 0;
}
