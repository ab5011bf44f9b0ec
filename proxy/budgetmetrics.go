package proxy

import (
	"runtime"

	"github.com/pictor-proxy/pictor/proxy/memory"
)

// addBudgets sends the figures of budgets: those of bytes, and those of a number of slots.
func (e emitter) addBudgets(list []memory.BudgetReport) {
	for _, a := range list {
		stuck := 0
		if a.Stuck {
			stuck = 1
		}
		e.gauge("budget_stuck", "Whether requests wait for a budget of which nothing is given back any more, so that "+
			"the server is not ready (1) or not (0), by budget.", int64(stuck), "budget", a.Name)
		if a.Counted {
			e.gauge("slots_in_use", "Slots in use, by budget (fetches, workers, alone).",
				a.InUse, "budget", a.Name)
			e.gauge("slots", "Slots that there are, by budget (fetches, workers, alone).",
				a.Capacity, "budget", a.Name)
		} else {
			e.gauge("budget_reserved_bytes", "Memory reserved from a budget, in bytes.", a.InUse, "budget", a.Name)
			e.gauge("budget_capacity_bytes", "Memory that a budget has in force, in bytes.",
				a.Capacity, "budget", a.Name)
			e.gauge("budget_waiting_bytes", "Memory that queued requests ask for, by budget, in bytes.",
				a.WaitingBytes, "budget", a.Name)
		}
		e.gauge("budget_waiting", "Requests queued for a budget, by budget.", int64(a.Waiting), "budget", a.Name)
		e.counter("budget_granted_total",
			"Requests for a budget that were granted, by budget.", a.Granted, "budget", a.Name)
		for reason, n := range a.ShedBy {
			e.counter("budget_shed_total",
				"Requests for a budget that were shed, by budget and reason: queue-full, too-slow (the wait would "+
					"have been too long), waited (the wait was too long), no-room (of requests that do not wait).",
				n, "budget", a.Name, "reason", reason.String())
		}
		e.counter("budget_too_large_total",
			"Requests for a budget that asked for more than its size, by budget.", a.TooLarge, "budget", a.Name)
	}
}

func (e emitter) addBuild(build func() BuildInfo) {
	if build == nil {
		return
	}
	b := build()
	e.gauge("build_info", "Constant 1, with the versions of pictor, Go and libvips, and the commit, as labels.", 1,
		"version", b.Version, "goversion", runtime.Version(), "libvips", b.Libvips, "revision", b.Revision)
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
