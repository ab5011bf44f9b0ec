package container

// heifCrop is what clean apertures leave of an item.
type heifCrop struct {
	crop [2]uint64 // width and height; 0 where nothing is cropped
	// croppedDeep says that more is cut off than what an encoder pads with, or
	// that it is not known how much.
	croppedDeep bool
}

// mostPadding is what encoders may add to a side of an image, to fill their blocks.
const mostPadding = 63

// takeCrop reads a clean aperture (ISO/IEC 14496-12 §12.1.4), which keeps the middle.
// It is read after ispe, which it follows. Encoders of HEVC cut off with it what
// they padded with: that is decoded, and the size that is shown speaks for it. Where
// more is cut off it would not.
func (i *heifItem) takeCrop(f *bmffFields) error {
	var sides [2]uint64
	for n := range sides {
		over, under := f.uint(4), f.uint(4)
		if under == 0 {
			i.croppedDeep = true
			return tooShort(f)
		}
		sides[n] = (over + under/2) / under // as libheif rounds
	}
	width, height := i.shownSize()
	if sides[0] > width || sides[1] > height || sides[0] == 0 || sides[1] == 0 ||
		sides[0]+mostPadding < width || sides[1]+mostPadding < height || i.crop != [2]uint64{} {
		i.croppedDeep = true
	}
	if sides != [2]uint64{width, height} {
		i.crop, i.turns = sides, 0
	}
	return tooShort(f)
}

// shownSize is the size behind clap and irot.
func (i *heifItem) shownSize() (width, height uint64) {
	width, height = i.width, i.height
	if i.crop != [2]uint64{} {
		width, height = i.crop[0], i.crop[1]
	}
	if i.turns%2 == 1 {
		width, height = height, width
	}
	return width, height
}

// sameSize says whether both are shown in the same size. libheif lays alpha over an
// image without a look at its size.
func (i *heifItem) sameSize(other *heifItem) bool {
	width, height := i.shownSize()
	otherWidth, otherHeight := other.shownSize()
	return width == otherWidth && height == otherHeight
}

// heifGrid are the tiles of a grid.
type heifGrid struct {
	tiles                 uint64
	tileWidth, tileHeight uint64 // of the first
	uneven                bool   // they are not all of one size
}

// countTile adds a tile to those of a grid.
func (i *heifItem) countTile(tile *heifItem) {
	tile.isTile = true
	width, height := tile.shownSize()
	if i.tiles == 0 {
		i.tileWidth, i.tileHeight = width, height
	}
	i.tiles++
	i.uneven = i.uneven || width != i.tileWidth || height != i.tileHeight
}

// isCovered says whether tiles of one size cover the image, each a part of it: else
// some of it would be missing (ISO/IEC 23008-12 §6.6.2.3.1).
func (i *heifItem) isCovered(rows, columns uint64) bool {
	return !i.uneven && covers(columns, i.tileWidth, i.width) && covers(rows, i.tileHeight, i.height)
}

func covers(tiles, side, all uint64) bool { return tiles*side >= all && (tiles-1)*side < all }
