// The same libvips calls as the pipeline's, in a bare loop: load with the
// largest reduction that the decoder does by itself below the factor, resize,
// save. Each line on standard input asks for one picture; the answer is the
// CPU time that it took, in microseconds, and its size in bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <vips/vips.h>

static long
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000L + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static int
picture(void *bytes, size_t length, int webp, int shrink, double scale, int width, int height, size_t *size)
{
	VipsImage *loaded, *resized;
	void *body;
	int failed;

	if (webp)
		failed = vips_webpload_buffer(bytes, length, &loaded, "access", VIPS_ACCESS_SEQUENTIAL, "scale", scale, NULL);
	else
		failed = vips_jpegload_buffer(bytes, length, &loaded, "access", VIPS_ACCESS_SEQUENTIAL, "shrink", shrink, NULL);
	if (failed)
		return -1;
	if (vips_resize(loaded, &resized, (double) width / loaded->Xsize, "vscale", (double) height / loaded->Ysize, NULL))
		return -1;
	if (webp)
		failed = vips_webpsave_buffer(resized, &body, size, "Q", 79, "strip", TRUE, NULL);
	else
		failed = vips_jpegsave_buffer(resized, &body, size, "Q", 80, "strip", TRUE, "optimize_coding", TRUE, NULL);
	if (failed)
		return -1;
	g_free(body);
	g_object_unref(resized);
	g_object_unref(loaded);
	vips_thread_shutdown();
	return 0;
}

// bare FILE jpeg|webp SHRINK SCALE WIDTH HEIGHT
int
main(int argc, char **argv)
{
	char line[16];
	gchar *bytes;
	gsize length;

	if (argc != 7 || VIPS_INIT(argv[0]) || !g_file_get_contents(argv[1], &bytes, &length, NULL))
		return 2;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	while (fgets(line, sizeof line, stdin)) {
		size_t size = 0;
		long before = cpu();

		if (picture(bytes, length, strcmp(argv[2], "webp") == 0, atoi(argv[3]), g_ascii_strtod(argv[4], NULL),
				atoi(argv[5]), atoi(argv[6]), &size)) {
			fprintf(stderr, "%s", vips_error_buffer());
			return 1;
		}
		printf("%ld %zu\n", cpu() - before, size);
		fflush(stdout);
	}
	return 0;
}
