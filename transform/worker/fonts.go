package worker

// FontDirs are the directories that text in an SVG takes: fonts, what fontconfig is told about them, and its list
// of them. They are public, and hold nothing of an operator's. A worker reads them with the first text.
var FontDirs = []string{
	"/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts", "/usr/share/fontconfig", "/var/cache/fontconfig",
}
