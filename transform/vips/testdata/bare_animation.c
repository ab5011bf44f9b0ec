// The same libvips calls as those of an animated result, in a bare loop: load all frames as one high image,
// resize that, save. Each line on standard input asks for one animation; the answer is the CPU time that it
// took, in microseconds, and its size in bytes.
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
animation(void *bytes, size_t length, const char *from, const char *to, int width, int height, size_t *size)
{
	VipsImage *loaded, *resized, *named;
	void *body;
	int failed, pages;

	if (strcmp(from, "webp") == 0)
		failed = vips_webpload_buffer(bytes, length, &loaded, "access", VIPS_ACCESS_SEQUENTIAL, "n", -1, NULL);
	else
		failed = vips_gifload_buffer(bytes, length, &loaded, "access", VIPS_ACCESS_SEQUENTIAL, "n", -1, NULL);
	if (failed)
		return -1;
	pages = vips_image_get_n_pages(loaded);
	if (vips_resize(loaded, &resized, (double) width / loaded->Xsize, "vscale",
			(double) (pages * height) / loaded->Ysize, NULL) || vips_copy(resized, &named, NULL))
		return -1;
	vips_image_set_int(named, VIPS_META_PAGE_HEIGHT, height);
	if (strcmp(to, "webp") == 0)
		failed = vips_webpsave_buffer(named, &body, size, "Q", 79, "strip", TRUE, "smart_subsample", TRUE, NULL);
	else
		failed = vips_gifsave_buffer(named, &body, size, "strip", TRUE, "effort", 3, NULL);
	if (failed)
		return -1;
	g_free(body);
	g_object_unref(named);
	g_object_unref(resized);
	g_object_unref(loaded);
	vips_thread_shutdown();
	return 0;
}

// bare_animation FILE gif|webp gif|webp WIDTH HEIGHT
int
main(int argc, char **argv)
{
	char line[16];
	gchar *bytes;
	gsize length;

	if (argc != 6 || VIPS_INIT(argv[0]) || !g_file_get_contents(argv[1], &bytes, &length, NULL))
		return 2;
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	while (fgets(line, sizeof line, stdin)) {
		size_t size = 0;
		long before = cpu();

		if (animation(bytes, length, argv[2], argv[3], atoi(argv[4]), atoi(argv[5]), &size)) {
			fprintf(stderr, "%s", vips_error_buffer());
			return 1;
		}
		printf("%ld %zu\n", cpu() - before, size);
		fflush(stdout);
	}
	return 0;
}
