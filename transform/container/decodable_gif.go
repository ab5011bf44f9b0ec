package container

import "github.com/pictor-proxy/pictor/transform"

// reduceGIF ends the file behind the frames that are needed.
func (l *decodableView) reduceGIF() bool {
	if l.needed.Frames == 0 {
		return false
	}
	w := gifWalk{info: &transform.Info{}, most: l.needed.Frames}
	if w.readScreen(l.in) != nil || w.walkBlocks() != nil || w.frames < w.most {
		return false
	}
	l.cutAfter(len(l.in)-w.whole, []byte{gifTrailer})
	return true
}
