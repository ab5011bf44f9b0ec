package vips

import (
	"bytes"
	"image/color"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// premultipliedAVIFs are of rgba(200, 100, 50, 128), multiplied by alpha, made by
// avifenc 0.11.1 -p. avifdec shows that colour, or one step from it.
var premultipliedAVIFs = map[string]string{
	"8 bits": `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAGbbWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxp
YmF2aWYAAAAADnBpdG0AAAAAAAEAAAAsaWxvYwAAAABEAAACAAEAAAABAAAB0QAAACEAAgAAAAEAAAHDAAAADgAAAEJpaW5mAAAAAAAC
AAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAAAaaW5mZQIAAAAAAgAAYXYwMUFscGhhAAAAAChpcmVmAAAAAAAAAA5wcmVtAAEAAQAC
AAAADmF1eGwAAgABAAEAAADDaXBycAAAAJ1pcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAA
AAAAE2NvbHJuY2x4AAEADQAGgAAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAOGF1eEMAAAAAdXJuOm1wZWc6bXBlZ0I6Y2ljcDpz
eXN0ZW1zOmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQKDBAACBAEFhgcAAAA3bWRhdBIACgUYDP/YVDIDEAATEgAK
CDgM/9hAQ0GkMhMQAAAAFLm7EMFNFGK+xSo5PkbE`,
	"10 bits": `
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAGbbWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAGxp
YmF2aWYAAAAADnBpdG0AAAAAAAEAAAAsaWxvYwAAAABEAAACAAEAAAABAAAB1AAAACMAAgAAAAEAAAHDAAAAEQAAAEJpaW5mAAAAAAAC
AAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAAAaaW5mZQIAAAAAAgAAYXYwMUFscGhhAAAAAChpcmVmAAAAAAAAAA5wcmVtAAEAAQAC
AAAADmF1eGwAAgABAAEAAADDaXBycAAAAJ1pcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAA
AAAAE2NvbHJuY2x4AAEADQAGgAAAAA5waXhpAAAAAAEKAAAADGF2MUOBAFwAAAAAOGF1eEMAAAAAdXJuOm1wZWc6bXBlZ0I6Y2ljcDpz
eXN0ZW1zOmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQKDBAACBAEFhgcAAAA8bWRhdBIACgUYDP/Y1DIGEAAAHc9w
EgAKCDgM/9jAQ0GkMhUQAAAAFLm2w9IVNFFzjnBKjk6sabA=`,
	"12 bits": `
AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAZttZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAbGliYXZp
ZgAAAAAOcGl0bQAAAAAAAQAAACxpbG9jAAAAAEQAAAIAAQAAAAEAAAHRAAAAJQACAAAAAQAAAb8AAAASAAAAQmlpbmYAAAAAAAIAAAAa
aW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAABppbmZlAgAAAAACAABhdjAxQWxwaGEAAAAAKGlyZWYAAAAAAAAADnByZW0AAQABAAIAAAAO
YXV4bAACAAEAAQAAAMNpcHJwAAAAnWlwY28AAAAUaXNwZQAAAAAAAAAQAAAAEAAAABBwaXhpAAAAAAMMDAwAAAAMYXYxQ4FAYAAAAAAT
Y29scm5jbHgAAQANAAaAAAAADnBpeGkAAAAAAQwAAAAMYXYxQ4FAfAAAAAA4YXV4QwAAAAB1cm46bXBlZzptcGVnQjpjaWNwOnN5c3Rl
bXM6YXV4aWxpYXJ5OmFscGhhAAAAAB5pcG1hAAAAAAAAAAIAAQQBAoMEAAIEAQWGBwAAAD9tZGF0EgAKBVgM/9jqMgcQAAAeFaMqEgAK
CVgM/9jQENBogDIWEAAAABS5tosdlZNFFsqUbkqOTmqc3Q==`,
}

func TestPremultipliedAVIF(t *testing.T) {
	want := color.NRGBA{200, 100, 50, 128}
	for name, file := range premultipliedAVIFs {
		b := fromBase64(t, file)
		if !sniffed(t, b).Premultiplied {
			t.Errorf("%s: not seen", name)
		}
		for _, f := range []transform.Format{transform.PNG, transform.WebP, transform.AVIF} {
			for _, options := range []string{"", "/ph:1", "/w:12", "/scp:0", "/rot:90", "/bl:1"} {
				got := decoded(t, run(t, run(t, b, parse(t, "q:100/f:"+f.Ext()+options)).Body, parse(t, "f:png")))
				if apart(got, want) > 4 {
					t.Errorf("%s, %v%s: %v", name, f, options, got)
				}
			}
		}
		// Without the reference the same samples are darker colours.
		plain := bytes.Replace(b, []byte("prem"), []byte("xxxx"), 1)
		if sniffed(t, plain).Premultiplied {
			t.Errorf("%s: seen where it is not", name)
		}
		if got := decoded(t, run(t, plain, parse(t, "f:png"))); apart(got, color.NRGBA{100, 50, 25, 128}) > 4 {
			t.Errorf("%s without the reference: %v", name, got)
		}
	}
}
