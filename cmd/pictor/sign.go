package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// signCmd signs the path of a source and options.
type signCmd struct {
	config.File   `embed:""`
	config.Keys   `embed:""`
	config.Access `embed:""`

	AccessKey string `help:"Sign with this key of --access-keys, and name it in the signature." placeholder:"ID"`

	config.SourceHash `embed:""`

	SourceKey     config.Secret `help:"Encrypt sources with this key in hexadecimal (enc/)." placeholder:"HEX"`
	SourceKeyFile string        `help:"File with the key of encrypted sources, instead of --source-key." placeholder:"FILE"`

	Source  string        `arg:"" optional:"" help:"URL of the source image, or - to read one per line from standard input. None with --upload."`
	Options []string      `arg:"" optional:"" help:"Options as in a path, such as rs:fill:300:200, f:webp or pr:card."`
	Upload  bool          `help:"Sign a path for POST, to which a client sends the source image. All arguments are options."`
	Info    bool          `help:"Sign a path for facts about the image (/info) instead of the image. Options are facts, such as calc_hashsums:sha256."`
	Hash    bool          `help:"Name the source by its hash (h/HASH), which tells nothing of it. The server knows it once it is registered: see pictor sources add."`
	Plain   bool          `help:"Leave the source readable instead of encoding it as base64url."`
	URL     string        `name:"url" help:"Server to put before the path, such as https://img.example.com. Without it the path alone is printed." placeholder:"URL"`
	Expires time.Duration `help:"How long the URL is valid, at least. Rounded up so that repeated runs give the same URL for a while." placeholder:"24h"`
	Srcset  []int         `help:"Print an <img> element with a srcset of these widths in pixels instead of the URL, with one signature for all (pick). Use it with --url: without, the paths belong to the host of the page." placeholder:"W,..."`
	Sizes   string        `help:"The sizes attribute of that element." default:"100vw" placeholder:"100vw"`
	Alt     string        `help:"The alt attribute of that element." placeholder:"TEXT"`
}

// Validate is the Keys', and says whether there is a source.
func (cmd *signCmd) Validate() error {
	switch {
	case cmd.Upload && len(cmd.Srcset) > 0:
		return errors.New("an upload has no srcset: take --upload or --srcset")
	case cmd.Info && (cmd.Upload || len(cmd.Srcset) > 0):
		return errors.New("facts have no upload and no srcset: take --info, --upload or --srcset")
	case !cmd.Upload && cmd.Source == "":
		return errors.New("expected \"<source>\"")
	}
	return cmd.Keys.Validate()
}

func (cmd signCmd) Run() error {
	ring, err := cmd.signingRing()
	if err != nil {
		return err
	}
	key, err := (&config.URLs{SourceKey: cmd.SourceKey}).SourceKeyBytes()
	if err != nil {
		return err
	}
	if len(cmd.Srcset) > 0 && cmd.URL == "" {
		fmt.Fprintln(os.Stderr, "pictor: hint: without --url the paths belong to the host of the page. "+
			"Add --url with the address of pictor, such as --url https://img.example.com.")
	}
	b := &signedurl.Builder{Keyring: ring, Server: cmd.URL, Plain: cmd.Plain, SourceKey: key}
	if cmd.Hash {
		if b.HashKey, err = hashKey(&cmd.SourceHash, ring); err != nil {
			return err
		}
	}
	if cmd.Source == "-" && !cmd.Upload {
		return cmd.mintAll(b, os.Stdin, os.Stdout)
	}
	text, err := cmd.mintURL(b, cmd.Source)
	if err == nil {
		fmt.Println(text)
	}
	return err
}

// signingRing is the ring with the key that signs.
func (cmd signCmd) signingRing() (*signedurl.Keyring, error) {
	if cmd.AccessKey == "" {
		ring, err := newKeyring(cmd.Keys, config.Access{}, nil, false)
		if errors.Is(err, errNoKey) && cmd.AccessKeys != "" {
			err = config.Invalid(fmt.Errorf("no signing key: set --access-key to one of %v, or --key and --salt",
				cmd.AccessKeys))
		}
		return ring, err
	}
	ring, err := newKeyring(cmd.Keys, cmd.Access, nil, false)
	if err != nil {
		return nil, err
	}
	if ring = ring.Only(cmd.AccessKey); ring == nil {
		return nil, config.Invalid(fmt.Errorf("--access-key is %q: there is no such key in --access-keys",
			cmd.AccessKey))
	}
	return ring, nil
}

func (cmd signCmd) mintURL(b *signedurl.Builder, source string) (string, error) {
	u, options := b.Source(source), cmd.Options
	if cmd.Info {
		u = b.Info(source)
	}
	if cmd.Upload {
		u = b.Upload()
		if source != "" {
			options = append([]string{source}, options...)
		}
	}
	for _, o := range options {
		u = u.Options(o)
	}
	if cmd.Expires != 0 {
		u = u.ExpiresIn(cmd.Expires)
	}
	if len(cmd.Srcset) > 0 {
		return u.Img(cmd.Alt, cmd.Sizes, cmd.Srcset...)
	}
	return u.URL()
}

// mintAll signs a URL for each line. A wrong line is reported and skipped.
func (cmd signCmd) mintAll(b *signedurl.Builder, in io.Reader, out io.Writer) error {
	wrong := 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		source := strings.TrimSpace(lines.Text())
		if source == "" {
			continue
		}
		text, err := cmd.mintURL(b, source)
		if err != nil {
			wrong++
			fmt.Fprintf(os.Stderr, "pictor: %s: %v\n", source, err)
			continue
		}
		fmt.Fprintln(out, text)
	}
	if wrong > 0 {
		return errors.Join(lines.Err(), fmt.Errorf("%d sources could not be signed", wrong))
	}
	return lines.Err()
}
