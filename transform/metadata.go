package transform

var stripMetadataOption = switchOption(Usage{Names: []string{"strip_metadata", "sm"}, Args: "switch",
	Text: "0 keeps EXIF, XMP and IPTC."}, true, func(p *Params) *bool { return &p.KeepMetadata })

var keepCopyrightOption = switchOption(Usage{Names: []string{"keep_copyright", "kcr"}, Args: "switch",
	Text: "0 strips also who made the picture and whose it is: EXIF's Artist and Copyright, the creator, credit and rights of IPTC and XMP."},
	true, func(p *Params) *bool { return &p.DropCopyright })

var stripProfileOption = switchOption(Usage{Names: []string{"strip_color_profile", "scp"}, Args: "switch",
	Text: "0 keeps the colours in the picture's own profile, and wide gamuts wide, where the format can hold one (all but GIF). " +
		"1 converts to sRGB. CMYK is always converted."},
	true, func(p *Params) *bool { return &p.KeepProfile })

var preserveHDROption = switchOption(Usage{Names: []string{"preserve_hdr", "ph"}, Args: "switch",
	Text: "1 keeps 16 bits a channel of a PNG in a PNG, and 10 or 12 bits in an AVIF."},
	false, func(p *Params) *bool { return &p.PreserveHDR })

var enforceThumbnailOption = switchOption(Usage{Names: []string{"enforce_thumbnail", "eth"}, Args: "switch",
	Text: "1 works on the thumbnail inside of an AVIF, if there is one, instead of the picture."},
	false, func(p *Params) *bool { return &p.EnforceThumbnail })

// Deep says whether a result has more than eight bits a channel.
func (p Params) Deep(info Info) bool {
	return p.PreserveHDR && info.Bits > 8 && (p.Format == PNG || p.Format == AVIF)
}

// HasProfile says whether results in a format can hold a colour profile.
func (f Format) HasProfile() bool { return f != GIF }
