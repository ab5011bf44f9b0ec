#include <string.h>

#include "pipeline.h"

// probe_avif encodes a small picture with much detail, tuned for something.
static int
probe_avif(VipsImage *picture, const char *tune, void **body, size_t *size)
{
	return vips_heifsave_buffer(picture, body, size, "Q", 60, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1,
		"bitdepth", 8, "effort", 0, "tune", tune, NULL);
}

// encodes_for_images compares two results, because there are encoders that take any tuning and heed none.
static gboolean
encodes_for_images(void)
{
	VipsImage *noise = NULL, *grey = NULL;
	void *iq = NULL, *ssim = NULL;
	size_t iq_size = 0, ssim_size = 0;
	gboolean differs = !vips_gaussnoise(&noise, 64, 64, "mean", 128.0, "sigma", 40.0, "seed", 1, NULL) &&
		!vips_cast_uchar(noise, &grey, NULL) &&
		!probe_avif(grey, "iq", &iq, &iq_size) && !probe_avif(grey, "ssim", &ssim, &ssim_size) &&
		(iq_size != ssim_size || memcmp(iq, ssim, iq_size) != 0);

	vips_error_clear();
	g_free(iq);
	g_free(ssim);
	g_clear_object(&grey);
	g_clear_object(&noise);
	return differs;
}

// Whether AVIFs are tuned for images, which the first one that needs it finds out: 0 is not known yet. libvips takes
// the tuning from 8.18 on, libheif and libaom from 1.21 and 3.13 on, where it is libheif's default.
int
pictor_tunes_for_images(void)
{
	static int tunes;

	if (!tunes)
		tunes = vips_version(0) * 100 + vips_version(1) >= 818 && encodes_for_images() ? 1 : -1;
	return tunes > 0;
}
