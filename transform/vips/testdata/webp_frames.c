// The frames of an animated WebP on standard input as libwebp's own WebPAnimDecoder shows them, on standard
// output: a line of width, height and number, and then for each frame its end in milliseconds and its pixels in
// RGBA.
#include <stdio.h>
#include <stdlib.h>
#include <webp/demux.h>

int
main(void)
{
	static uint8_t file[64 << 20];
	WebPData data = { file, fread(file, 1, sizeof file, stdin) };
	WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
	WebPAnimInfo info;

	if (!decoder || !WebPAnimDecoderGetInfo(decoder, &info))
		return 1;
	printf("%u %u %u %u\n", info.canvas_width, info.canvas_height, info.frame_count, info.loop_count);
	while (WebPAnimDecoderHasMoreFrames(decoder)) {
		uint8_t *pixels;
		int end;

		if (!WebPAnimDecoderGetNext(decoder, &pixels, &end))
			return 1;
		printf("%d\n", end);
		fwrite(pixels, 4, (size_t) info.canvas_width * info.canvas_height, stdout);
	}
	return fflush(stdout) != 0;
}
