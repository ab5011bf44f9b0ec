package imaginary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// Parse reads a target that Verify has checked. Errors wrap signedurl.ErrMalformed, ErrUnknownOption or ErrBadArgument.
func (d *Dialect) Parse(v Verified) (signedurl.Request, error) {
	source, err := sourceOf(v.target.values)
	if err != nil {
		return signedurl.Request{}, err
	}
	r, err := requestOf(v.target)
	r.Source = source
	return r, err
}

// ParseUpload reads such a target of an upload: the Request has no Source. field is the name of the file in a form.
func (d *Dialect) ParseUpload(v Verified) (r signedurl.Request, field string, err error) {
	if field = v.target.values.Get("field"); !isText(field) {
		return r, "", fmt.Errorf("%w: field contains control characters, or is not UTF-8", signedurl.ErrBadArgument)
	}
	r, err = requestOf(v.target)
	return r, field, err
}

// ParseUnsigned is Parse without regard to a signature: for tools, and for requests that are held against other
// rules.
func (d *Dialect) ParseUnsigned(sent string) (signedurl.Request, error) {
	t, err := d.parseTarget(sent)
	if err != nil {
		return signedurl.Request{}, err
	}
	return d.Parse(Verified{t})
}

// ParseUnderRules reads a target without a key by the rules of paths without a signature. Presets are of the native
// dialect, and have no part in it.
func (d *Dialect) ParseUnderRules(sent string, rules signedurl.UnsignedRules) (signedurl.Request, error) {
	r, err := d.ParseUnsigned(sent)
	if err != nil {
		return signedurl.Request{}, err
	}
	if r.Meta.Form != "" {
		return signedurl.Request{}, fmt.Errorf("%w: %s needs a key (--unsigned-info lists facts of native paths alone)",
			signedurl.ErrUnsigned, infoName)
	}
	var base signedurl.Request
	if base.Params, err = base.Params.Normalize(); err != nil {
		return signedurl.Request{}, err
	}
	return rules.Bound(r, base)
}

// ParseForPurge is ParseUnsigned for purges, which give nobody an image.
func (d *Dialect) ParseForPurge(sent string) (signedurl.Request, error) { return d.ParseUnsigned(sent) }

// sourceOf is the source of a target: a URL, or a file below the local root.
func sourceOf(values url.Values) (string, error) {
	source := values.Get("url")
	if file := values.Get("file"); source == "" && file != "" {
		source = "local:///" + strings.TrimLeft(file, "/")
	}
	if source == "" || !isText(source) {
		return "", fmt.Errorf("%w: the parameter url is missing, contains control characters or is not UTF-8",
			signedurl.ErrMalformed)
	}
	return source, nil
}

// requestOf is what the operation of a target asks for.
func requestOf(t target) (r signedurl.Request, err error) {
	c := &chain{}
	switch t.operation {
	case infoName:
		c.request.Meta.Form = "imaginary"
	case pipelineName:
		err = c.applyAll(t.values.Get("operations"))
	default:
		values := map[string]string{}
		for name := range t.values {
			values[name] = t.values.Get(name)
		}
		err = c.apply(t.operation, &params{values: values})
	}
	if err != nil {
		return r, err
	}
	r = c.request
	if r.Params, err = r.Params.Normalize(); err != nil {
		return signedurl.Request{}, fmt.Errorf("%w: %v", signedurl.ErrBadArgument, err)
	}
	return r, nil
}

// maxOperations is the peer's.
const maxOperations = 10

// pipelineStep is an operation of a pipeline.
type pipelineStep struct {
	Operation string `json:"operation"`
	// IgnoreFailure has no effect: what one operation cannot do is known before any is done, and refused.
	IgnoreFailure bool           `json:"ignore_failure"`
	Params        map[string]any `json:"params"`
}

// applyAll adds the operations of a pipeline.
func (c *chain) applyAll(text string) error {
	var steps []pipelineStep
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&steps)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind the list")
		}
	}
	if err != nil || len(steps) == 0 {
		return fmt.Errorf("%w: operations is not a list of operations in JSON", signedurl.ErrBadArgument)
	}
	if len(steps) > maxOperations {
		return fmt.Errorf("%w: a pipeline has at most %d operations", signedurl.ErrBadArgument, maxOperations)
	}
	for _, step := range steps {
		values := map[string]string{}
		for name, value := range step.Params {
			switch value := value.(type) {
			case string:
				values[name] = value
			case json.Number:
				values[name] = value.String()
			case bool:
				values[name] = fmt.Sprint(value)
			default:
				return fmt.Errorf("%w: a parameter of %q is no text, number or switch", signedurl.ErrBadArgument,
					step.Operation)
			}
		}
		if err := c.apply(step.Operation, &params{values: values}); err != nil {
			return err
		}
	}
	return nil
}
