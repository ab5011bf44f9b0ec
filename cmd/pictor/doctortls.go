package main

import (
	"time"

	"github.com/pictor-proxy/pictor/config"
)

// checkTLS says whether the files of TLS can be used, and until when.
func (r *report) checkTLS(cfg *config.Serve, now time.Time) {
	files, err := readTLS(&cfg.TLS)
	switch {
	case err != nil:
		r.problemOf("tls", doCertificate, err)
	case files == nil:
	case files.warning(now) != "" && (now.After(files.leaf.NotAfter) || now.Before(files.leaf.NotBefore)):
		r.problem("tls", doCertificate, "%s", files.warning(now))
	case files.warning(now) != "":
		r.note("tls", doCertificate, "%s", files.warning(now))
	default:
		r.ok("tls", "The certificate for %v is valid until %s.", files.leaf.DNSNames,
			files.leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

const doCertificate = "Renew it, and run `pictor reload`, which reads it again."
