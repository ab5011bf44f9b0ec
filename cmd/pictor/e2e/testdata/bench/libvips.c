// A loop of the libvips calls that a result takes, and nothing else: open the
// file, resize, crop, turn, encode. Each line on standard input asks for one
// result; the answer is its size in bytes.
#include <stdio.h>
#include <stdlib.h>
#include <vips/vips.h>

typedef struct {
	const char *load, *save;
	int width, height;		 // after the resize
	int left, top, w, h;	 // of them the part that is kept
	int angle;
} Plan;

static VipsAngle
angle_of(int degrees)
{
	return degrees == 90 ? VIPS_ANGLE_D90 : degrees == 180 ? VIPS_ANGLE_D180 : VIPS_ANGLE_D270;
}

// replace makes the newest image the next one's input.
static void
replace(VipsImage **image, VipsImage *by)
{
	g_object_unref(*image);
	*image = by;
}

static int
result(const Plan *plan, size_t *size)
{
	VipsImage *image = vips_image_new_from_file(plan->load, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	VipsImage *out;
	void *body;

	if (!image || vips_resize(image, &out, (double) plan->width / image->Xsize,
					  "vscale", (double) plan->height / image->Ysize, NULL))
		return -1;
	replace(&image, out);
	if (plan->w != plan->width || plan->h != plan->height) {
		if (vips_extract_area(image, &out, plan->left, plan->top, plan->w, plan->h, NULL))
			return -1;
		replace(&image, out);
	}
	if (plan->angle) {
		// Turned pixels are read in another order than they come.
		if (!(out = vips_image_copy_memory(image)))
			return -1;
		replace(&image, out);
		if (vips_rot(image, &out, angle_of(plan->angle), NULL))
			return -1;
		replace(&image, out);
	}
	if (vips_image_write_to_buffer(image, plan->save, &body, size, NULL))
		return -1;
	g_free(body);
	g_object_unref(image);
	vips_thread_shutdown();
	return 0;
}

// libvips LOAD SAVE WIDTH HEIGHT LEFT TOP W H ANGLE, with options of libvips in
// brackets behind the names.
int
main(int argc, char **argv)
{
	char line[16];
	Plan plan;

	if (argc != 10 || VIPS_INIT(argv[0]))
		return 2;
	plan = (Plan){ argv[1], argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[6]), atoi(argv[7]),
		atoi(argv[8]), atoi(argv[9]) };
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	while (fgets(line, sizeof line, stdin)) {
		size_t size = 0;

		if (result(&plan, &size)) {
			fprintf(stderr, "%s", vips_error_buffer());
			return 1;
		}
		printf("%zu\n", size);
		fflush(stdout);
	}
	return 0;
}
