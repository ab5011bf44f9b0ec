package transform

// Method is how a quality is chosen (autoquality).
type Method uint8

// The methods. With NoMethod the quality is that of the URL or the format.
const (
	NoMethod Method = iota
	// BySize takes the highest quality whose result is not larger than the target, in bytes.
	BySize
	// ByDSSIM takes the lowest quality whose result differs from the original by no more than the target.
	ByDSSIM
	// BySSIMULACRA2 takes the lowest quality whose result has a score of the target or more.
	BySSIMULACRA2
)
