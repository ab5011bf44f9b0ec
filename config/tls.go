package config

import "errors"

// TLS is how clients speak to the server.
type TLS struct {
	TLSCert string `name:"tls-cert" help:"File with the certificate of the server for HTTPS (PEM), then those that lead to its authority. A reload reads it again. Default: HTTP." placeholder:"FILE" group:"TLS and HTTP/2" reload:"yes"`
	TLSKey  string `name:"tls-key" help:"File with the key of that certificate (PEM). A reload reads it again." placeholder:"FILE" group:"TLS and HTTP/2" reload:"yes"`
	// TLSClientCA is empty where clients need no certificate.
	TLSClientCA string `name:"tls-client-ca" help:"File with the certificates of authorities (PEM), one of which must have signed that of a client, as for authenticated origin pulls. Health checks need none. A reload reads it again." placeholder:"FILE" group:"TLS and HTTP/2" reload:"yes"`
	H2C         bool   `name:"h2c" help:"Serve HTTP/2 without TLS, too, to clients that begin with it (prior knowledge)." group:"TLS and HTTP/2" reload:"no"`
}

// ServesTLS reports whether the server speaks HTTPS, with HTTP/2, and no HTTP.
func (t *TLS) ServesTLS() bool { return t.TLSCert != "" }

// findProblems says what keeps these settings from being served.
func (t *TLS) findProblems() []error {
	switch {
	case t.TLSCert == "" && t.TLSKey != "":
		return []error{errors.New("--tls-key without --tls-cert: set it to the file of the certificate")}
	case t.TLSKey == "" && t.TLSCert != "":
		return []error{errors.New("--tls-cert without --tls-key: set it to the file of the key")}
	case t.TLSClientCA != "" && t.TLSCert == "":
		return []error{errors.New("--tls-client-ca has no effect without TLS: set --tls-cert and --tls-key, too")}
	case t.H2C && t.TLSCert != "":
		return []error{errors.New("--h2c is HTTP/2 without TLS: leave it out, as --tls-cert has HTTP/2 anyhow")}
	}
	return nil
}
