package proxy

import "time"

// SettingsStatus says how old the settings in force are, and for how long they are good.
type SettingsStatus struct {
	// Loaded is when they were read; ReloadRefused: a reload came after that, and was refused whole.
	Loaded        time.Time
	ReloadRefused bool
	// CertificateEnds is the end of the certificate that clients are shown; zero for a server without TLS.
	CertificateEnds time.Time
}

// addSettings sends what an operator has to know of the settings in force. The names are those of Prometheus itself.
func (e emitter) addSettings(status func() SettingsStatus) {
	if status == nil {
		return
	}
	s := status()
	successful := int64(1)
	if s.ReloadRefused {
		successful = 0
	}
	e.gauge("settings_last_reload_successful", "Whether the last reload of the settings was taken (1) or refused (0); "+
		"1 before the first one.", successful)
	e.gauge("settings_last_reload_success_timestamp_seconds", "When the settings in force were read, in seconds since "+
		"1970.", s.Loaded.Unix())
	if !s.CertificateEnds.IsZero() {
		e.gauge("tls_certificate_not_after_timestamp_seconds", "When the certificate of --tls-cert that is in force "+
			"expires, in seconds since 1970.", s.CertificateEnds.Unix())
	}
}
