// Pixels of JPEGs by libjpeg, from the mapped file as it lies there. libvips 8.14 gives libjpeg 4 KiB at a
// time, and libjpeg takes its fast way through a block only where it has 3 KiB before it: most of them took the
// slow one. All else of a file, size and metadata, is what libvips says.

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "pipeline.h"

// A file with more warnings is taken for broken, as libvips does.
#define MOST_WARNINGS 100

// Strips are as high as those that libvips' own loader asks of libjpeg.
#define STRIP_HEIGHT 8

// Reader is the decoder of one file, which gives its rows from the top.
typedef struct {
	struct jpeg_decompress_struct decoder;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	jmp_buf failed;
	gboolean started;
} Reader;

static void
fail(j_common_ptr decoder)
{
	Reader *reader = decoder->client_data;
	char text[JMSG_LENGTH_MAX];

	decoder->err->format_message(decoder, text);
	vips_error("pictor", "%s", text);
	longjmp(reader->failed, 1);
}

static void
count_warning(j_common_ptr decoder, int level)
{
	if (level < 0 && ++decoder->err->num_warnings >= MOST_WARNINGS)
		fail(decoder);
}

static void
ignore_message(j_common_ptr decoder)
{
}

static void
do_nothing(j_decompress_ptr decoder)
{
}

// end_early is called where the file has no more bytes.
static boolean
end_early(j_decompress_ptr decoder)
{
	ERREXIT(decoder, JERR_INPUT_EOF);
	return FALSE;
}

static void
skip_bytes(j_decompress_ptr decoder, long n)
{
	struct jpeg_source_mgr *source = decoder->src;

	if (n <= 0)
		return;
	if ((size_t) n > source->bytes_in_buffer)
		end_early(decoder);
	source->next_input_byte += n;
	source->bytes_in_buffer -= n;
}

static void
close_reader(VipsImage *image, Reader *reader)
{
	jpeg_destroy_decompress(&reader->decoder);
}

// open_reader makes a reader that lives as long as the image, at the first row of the file.
static Reader *
open_reader(VipsImage *owner, const PictorSource *file)
{
	Reader *reader = VIPS_NEW(owner, Reader);
	j_decompress_ptr decoder;

	if (!reader)
		return NULL;
	reader->started = FALSE;
	decoder = &reader->decoder;
	decoder->err = jpeg_std_error(&reader->errors);
	decoder->client_data = reader;
	reader->errors.error_exit = fail;
	reader->errors.emit_message = count_warning;
	reader->errors.output_message = ignore_message;
	if (setjmp(reader->failed))
		return NULL;
	jpeg_create_decompress(decoder);
	g_signal_connect(owner, "close", G_CALLBACK(close_reader), reader);
	reader->source = (struct jpeg_source_mgr) { file->bytes, file->size, do_nothing, end_early, skip_bytes,
		jpeg_resync_to_restart, do_nothing };
	decoder->src = &reader->source;
	jpeg_read_header(decoder, TRUE);
	decoder->scale_num = 1;
	decoder->scale_denom = file->shrink;
	jpeg_calc_output_dimensions(decoder);
	return reader;
}

static int
generate_rows(VipsRegion *out, void *sequence, void *data, void *unused, gboolean *stop)
{
	Reader *reader = data;
	j_decompress_ptr decoder = &reader->decoder;
	const VipsRect *r = &out->valid;
	size_t samples = VIPS_REGION_SIZEOF_LINE(out);

	if (r->left != 0 || r->width != out->im->Xsize || r->top != (int) decoder->output_scanline) {
		vips_error("pictor", "rows of a JPEG are read out of their order");
		return -1;
	}
	if (setjmp(reader->failed))
		return -1;
	if (!reader->started) {
		reader->started = TRUE;
		jpeg_start_decompress(decoder);
	}
	while ((int) decoder->output_scanline < VIPS_RECT_BOTTOM(r)) {
		JSAMPROW row = VIPS_REGION_ADDR(out, 0, decoder->output_scanline);

		jpeg_read_scanlines(decoder, &row, 1);
		if (decoder->out_color_space == JCS_CMYK) // inks are stored inverted
			for (size_t i = 0; i < samples; i++)
				row[i] = 255 - row[i];
	}
	return 0;
}

int
pictor_read_jpeg(PictorChain *chain, const PictorSource *file)
{
	VipsImage *header = chain->image;
	VipsImage *out = vips_image_new();
	Reader *reader;

	pictor_append(chain, out);
	reader = open_reader(out, file);
	if (!reader || vips_image_pipelinev(out, VIPS_DEMAND_STYLE_FATSTRIP, header, NULL))
		return PICTOR_BROKEN;
	out->Xsize = reader->decoder.output_width;
	out->Ysize = reader->decoder.output_height;
	if (reader->decoder.output_components != header->Bands || out->Xsize < header->Xsize ||
			out->Ysize < header->Ysize) {
		vips_error("pictor", "libjpeg and libvips disagree about a JPEG");
		return PICTOR_MISMATCH;
	}
	if (vips_image_generate(out, NULL, generate_rows, NULL, reader, NULL))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_sequential(chain->image, &out, "tile_height", STRIP_HEIGHT, NULL));
	// libjpeg rounds a shrunk size up, by a row or column that has not all of its pixels.
	PICTOR_APPLY(chain, vips_extract_area(chain->image, &out, 0, 0, header->Xsize, header->Ysize, NULL));
	return PICTOR_OK;
}
