package bitmap

// walkRuns walks the runs of a compressed bitmap. draw is called for each: n pixels from x on of the y-th row from the
// top, all of the first bytes of data, or else one after the other. set counts the pixels that are drawn. whole
// is false where the data ends before its end mark and before the last row is full.
func (m *Bitmap) walkRuns(draw func(x, y, n int, data []byte, fill bool)) (set int64, whole bool) {
	const endOfLine, endOfBitmap, delta = 0, 1, 2
	in := m.pixels
	x, y := 0, m.Height-1
	run := func(n int, data []byte, fill bool) {
		if n = min(n, m.Width-x); n > 0 {
			draw(x, y, n, data, fill)
			set += int64(n)
			x += n
		}
	}
	for y >= 0 {
		if len(in) < 2 {
			return set, set == int64(m.Width)*int64(m.Height)
		}
		count, code := int(in[0]), int(in[1])
		if count > 0 {
			size := m.runBytes(1)
			if len(in) < 1+size {
				return set, false
			}
			run(count, in[1:1+size], true)
			in = in[1+size:]
			continue
		}
		in = in[2:]
		switch code {
		case endOfLine:
			x, y = 0, y-1
		case endOfBitmap:
			return set, true
		case delta:
			if len(in) < 2 {
				return set, false
			}
			x, y = min(x+int(in[0]), m.Width), y-int(in[1])
			in = in[2:]
		default:
			size := m.runBytes(code)
			if len(in) < size {
				return set, false
			}
			run(code, in[:size], false)
			in = in[min(size+size%2, len(in)):]
		}
	}
	return set, true
}

// runBytes is the size of so many pixels that are listed.
func (m *Bitmap) runBytes(n int) int {
	switch m.compression {
	case rle4:
		return (n + 1) / 2
	case rle24:
		return 3 * n
	}
	return n
}

// decodeRuns leaves transparent what is not drawn.
func (m *Bitmap) decodeRuns(to []byte, bands int) {
	clear(to)
	m.walkRuns(func(x, y, n int, data []byte, fill bool) {
		at := (y*m.Width + x) * bands
		for i := range n {
			colour := m.runColour(data, i, fill)
			copy(to[at:], colour[:])
			if bands == 4 {
				to[at+3] = 255
			}
			at += bands
		}
	})
}

func (m *Bitmap) runColour(data []byte, i int, fill bool) [3]byte {
	switch m.compression {
	case rle24:
		if fill {
			i = 0
		}
		return [3]byte{data[3*i+2], data[3*i+1], data[3*i]}
	case rle4:
		if fill {
			i %= 2
		}
		return m.palette[data[i/2]>>(4-4*(i%2))&15]
	}
	if fill {
		i = 0
	}
	return m.palette[data[i]]
}
