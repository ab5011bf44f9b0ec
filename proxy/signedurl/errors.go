package signedurl

import "errors"

// Errors of Verify and Parse. Each is wrapped with a sentence that quotes the URL at
// fault and nothing else.
var (
	// ErrSignature: the signature is not one of the keyring's for this path.
	ErrSignature = errors.New("wrong signature")
	// ErrMalformed: the path is not of the dialect's form.
	ErrMalformed = errors.New("malformed path")
	// ErrUnknownOption: no option of that name.
	ErrUnknownOption = errors.New("unknown option")
	// ErrBadArgument: an argument that its option does not take.
	ErrBadArgument = errors.New("bad argument")
	// ErrUnknownPreset: no preset of that name.
	ErrUnknownPreset = errors.New("unknown preset")
)
