package sources

// Part is a part of a source.
type Part int

const (
	// Whole is all of it.
	Whole Part = iota
	// Header is what container.SniffHeader tells. Data then has no bytes, or all.
	Header
	// HeaderAndMetadata is that, and what container.FindBlocks finds. Data then has the beginning of a JPEG, and all of
	// others.
	HeaderAndMetadata
)

// partFlight is the key of flights of a part: the ID for the whole. No ID begins like the others.
func partFlight(id string, part Part) string {
	switch part {
	case Header:
		return "\nheader\n" + id
	case HeaderAndMetadata:
		return "\nmetadata\n" + id
	}
	return id
}
