package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// registry is where images are asked for by the protocol of the OCI distribution specification, and tokens where
// it has tokens for readers.
type registry struct{ images, tokens string }

// dockerHub has the images of Debian and Go.
var dockerHub = registry{"https://registry-1.docker.io", "https://auth.docker.io/token?service=registry.docker.io"}

// pin writes the digests that tags have now behind the names of images in the Dockerfile. A digest is that of all
// architectures together.
func pin(args []string) error {
	if err := flag.NewFlagSet("pin", flag.ContinueOnError).Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		return err
	}
	pinned, err := pinText(string(text), dockerHub)
	if err != nil || pinned == string(text) {
		return err
	}
	return os.WriteFile("Dockerfile", []byte(pinned), 0o644)
}

var fromLine = regexp.MustCompile(`(?m)^FROM ([a-z]+):([\w.-]+)(@sha256:[0-9a-f]+)?( AS \w+)?$`)

// pinText is the text of a Dockerfile with the digests of a registry.
func pinText(text string, r registry) (string, error) {
	var failed error
	text = fromLine.ReplaceAllStringFunc(text, func(line string) string {
		m := fromLine.FindStringSubmatch(line)
		digest, err := r.digest("library/"+m[1], m[2])
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s:%s: %w", m[1], m[2], err))
			return line
		}
		return "FROM " + m[1] + ":" + m[2] + "@" + digest + m[4]
	})
	return text, failed
}

// indexTypes are the kinds of a list of images by architecture.
const indexTypes = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// digest asks for that of an image's tag.
func (r registry) digest(name, tag string) (string, error) {
	client := http.Client{Timeout: time.Minute}
	token, err := r.token(&client, name)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodHead, r.images+"/v2/"+name+"/manifests/"+tag, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", indexTypes)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	digest := resp.Header.Get("Docker-Content-Digest")
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch {
	case resp.StatusCode != http.StatusOK:
		return "", errors.New(resp.Status)
	case kind == "" || !strings.Contains(indexTypes, kind):
		return "", fmt.Errorf("it is not there for several architectures, but a %q", kind)
	case !digestForm.MatchString(digest):
		return "", fmt.Errorf("its digest is %q", digest)
	}
	return digest, nil
}

func (r registry) token(client *http.Client, name string) (string, error) {
	resp, err := client.Get(r.tokens + "&scope=" + url.QueryEscape("repository:"+name+":pull"))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var got struct{ Token string }
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("a token: %s", resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&got)
	return got.Token, err
}
