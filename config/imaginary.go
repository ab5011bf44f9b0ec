package config

import (
	"fmt"
	"strings"
)

// Imaginary are the settings of imaginary's dialect, which is on where it has a path.
type Imaginary struct {
	ImaginaryPath string `help:"Serve imaginary's URLs below this path, such as /imaginary/, or / for the root. --path-prefix does not apply. Default: not served." placeholder:"/PATH/" group:"URLs" reload:"yes"`
	// ImaginarySignatureKey and ImaginaryKey are comma lists.
	ImaginarySignatureKey     Secret `help:"Keys of imaginary's URL signatures (sign=), comma-separated texts. All of them verify." placeholder:"TEXT,..." group:"URLs" reload:"yes"`
	ImaginarySignatureKeyFile string `help:"File with these keys, instead of --imaginary-signature-key." placeholder:"FILE" group:"URLs" reload:"yes"`
	ImaginaryKey              Secret `help:"API keys of imaginary URLs (key=, or the API-Key header of an upload), comma-separated. Whoever has one can request any image." placeholder:"TEXT,..." group:"URLs" reload:"yes"`
	ImaginaryKeyFile          string `help:"File with the API keys, instead of --imaginary-key." placeholder:"FILE" group:"URLs" reload:"yes"`
}

// ImaginaryRoot is ImaginaryPath with a slash before and behind it; "" where the dialect is not served.
func (i *Imaginary) ImaginaryRoot() string {
	switch p := strings.Trim(i.ImaginaryPath, "/"); {
	case i.ImaginaryPath == "":
		return ""
	case p == "":
		return "/"
	default:
		return "/" + p + "/"
	}
}

// ImaginarySignatureKeys and ImaginaryKeys are the keys.
func (i *Imaginary) ImaginarySignatureKeys() []string {
	return splitList(string(i.ImaginarySignatureKey))
}

// ImaginaryKeys are the API keys.
func (i *Imaginary) ImaginaryKeys() []string { return splitList(string(i.ImaginaryKey)) }

// validate says what is wrong with the path.
func (i *Imaginary) validate() error {
	if strings.ContainsAny(i.ImaginaryPath, "?#% ") {
		return fmt.Errorf("--imaginary-path is %q: write it like /imaginary/", i.ImaginaryPath)
	}
	return nil
}
