package main

import (
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/imaginary"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// imaginaryDialect is nil where it is not served.
func imaginaryDialect(cfg *config.Serve) (*imaginary.Dialect, error) {
	root := cfg.ImaginaryRoot()
	if root == "" {
		return nil, nil
	}
	c := imaginary.Config{Path: root, SignatureKeys: cfg.ImaginarySignatureKeys(), APIKeys: cfg.ImaginaryKeys(),
		Insecure: cfg.Insecure}
	if len(c.SignatureKeys)+len(c.APIKeys) == 0 && !cfg.Insecure && !cfg.Unsigned.Unsigned {
		return nil, errors.New("--imaginary-path needs --imaginary-signature-key or --imaginary-key, or --unsigned " +
			"with what anyone may request")
	}
	return imaginary.New(c)
}

// imaginaryMounts are the paths of the dialect, if it is served. What has no key goes by the rules of unsigned paths,
// if there are any.
func imaginaryMounts(cfg *config.Serve, rules proxy.Rules, fetcher *origin.Fetcher) (mounts []proxy.Mount, err error) {
	d, err := imaginaryDialect(cfg)
	if d == nil || err != nil {
		return nil, err
	}
	root := cfg.ImaginaryRoot()
	prefixes := []string{root}
	if root == "/" { // the native dialect has what is no operation
		prefixes = nil
		for _, name := range imaginary.Operations() {
			prefixes = append(prefixes, root+name)
		}
	}
	for _, prefix := range prefixes {
		mounts = append(mounts, proxy.Mount{
			Name: "imaginary", Prefix: prefix, Formats: imaginary.AutoFormats(), Statuses: imaginary.Statuses(),
			Parse: func(rest string) (signedurl.Request, error) {
				v, err := d.Verify(prefix+rest, "")
				if errors.Is(err, signedurl.ErrSignature) && rules.Unsigned != nil {
					return parseUnderRules(d, prefix+rest, rules, fetcher)
				}
				if err != nil {
					return signedurl.Request{}, err
				}
				return d.Parse(v)
			},
			ParseUpload: func(rest, apiKey string) (signedurl.Request, string, error) {
				v, err := d.Verify(prefix+rest, apiKey)
				if err != nil {
					return signedurl.Request{}, "", err
				}
				return d.ParseUpload(v)
			},
			ParseUnsigned: func(rest string) (signedurl.Request, error) { return d.ParseForPurge(prefix + rest) },
		})
	}
	return mounts, nil
}

// parseUnderRules reads a target without a key, as a path without a signature.
func parseUnderRules(
	d *imaginary.Dialect, target string, rules proxy.Rules, sources *origin.Fetcher,
) (req signedurl.Request, err error) {
	if req, err = d.ParseUnderRules(target, rules.Unsigned.Rules); err != nil {
		return req, err
	}
	if !sources.IsAmong(req.Source, rules.Unsigned.Sources) {
		return signedurl.Request{}, fmt.Errorf("%w: the source is not listed (--unsigned-sources)",
			signedurl.ErrUnsigned)
	}
	return req, nil
}
