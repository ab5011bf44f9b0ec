package transform

var stripMetadataOption = switchOption(Usage{Names: []string{"strip_metadata", "sm"}, Args: "switch",
	Text: "0 keeps EXIF, XMP and IPTC. 1 removes them, except what `keep_copyright` keeps."},
	true, func(p *Params) *bool { return &p.KeepMetadata })

var keepCopyrightOption = switchOption(Usage{Names: []string{"keep_copyright", "kcr"}, Args: "switch",
	Text: "0 also removes the copyright: Artist and Copyright of EXIF, and creator, credit and rights of IPTC and " +
		"XMP. 1 keeps them."},
	true, func(p *Params) *bool { return &p.DropCopyright })

var stripProfileOption = switchOption(Usage{Names: []string{"strip_color_profile", "scp"}, Args: "switch",
	Text: "1 converts to sRGB. 0 keeps the colour profile of the source, and with it a wide gamut, if the format " +
		"supports profiles (all except GIF). CMYK is always converted."},
	true, func(p *Params) *bool { return &p.KeepProfile })

var preserveHDROption = switchOption(Usage{Names: []string{"preserve_hdr", "ph"}, Args: "switch",
	Text: "1 keeps more than 8 bits per channel, if the source has them: 16 bits in a PNG or JPEG XL, 12 in an " +
		"AVIF. Such a PNG or AVIF stays in PQ or HLG if its source is, and says so, unless an option changes or adds " +
		"colours. All other results are SDR."},
	false, func(p *Params) *bool { return &p.PreserveHDR })

var enforceThumbnailOption = switchOption(Usage{Names: []string{"enforce_thumbnail", "eth"}, Args: "switch",
	Text: "1 processes the thumbnail embedded in an AVIF instead of the image itself, if there is one."},
	false, func(p *Params) *bool { return &p.EnforceThumbnail })

// Deep says whether a result has more than eight bits a channel.
func (p Params) Deep(info Info) bool {
	return p.PreserveHDR && info.Bits > 8 && (p.Format == PNG || p.Format == AVIF || p.Format == JXL)
}

// HasProfile says whether results in a format can hold a colour profile.
func (f Format) HasProfile() bool { return f != GIF && f != ICO }
