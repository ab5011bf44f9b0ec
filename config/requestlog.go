package config

import (
	"fmt"
	"strings"
)

// RequestLog is what the server says of requests.
type RequestLog struct {
	AccessLog string `help:"Which requests have a line on standard output: off, errors or all." default:"off" placeholder:"off" group:"Log" reload:"yes"`
	// AccessLogFormat is empty for LogFormat.
	AccessLogFormat string `help:"Format of the access log: text, json or combined (as of Apache and nginx). Default: as --log-format." placeholder:"FORMAT" group:"Log" reload:"no"`
	AccessLogRate   int    `help:"Most lines of the access log in a second; the last fifth of them is for errors. What is left out is counted. 0: no such bound." default:"1000" placeholder:"N" group:"Log" reload:"no"`
	LogSources      string `help:"How much of the URLs of sources logs say: full (without query and credentials in the access log), host or off." default:"full" placeholder:"full" group:"Log" reload:"yes"`
	TimingToken     Secret `help:"Token that, in the header Pictor-Timing of a request, gets the response a Server-Timing header." placeholder:"TEXT" group:"Log" reload:"yes"`
	TimingTokenFile string `help:"File with the token, instead of --timing-token." placeholder:"FILE" group:"Log" reload:"yes"`
}

// AccessFormat is the format of the access log; "" for no access log.
func (s *Serve) AccessFormat() string {
	switch {
	case s.AccessLog == "" || strings.EqualFold(s.AccessLog, "off"):
		return ""
	case s.AccessLogFormat == "":
		return strings.ToLower(s.LogFormat)
	}
	return strings.ToLower(s.AccessLogFormat)
}

// checkRequestLog is the part of Serve.Validate that is about RequestLog.
func (s *Serve) checkRequestLog() (problems []error) {
	for _, choice := range []struct{ flag, value, allowed string }{
		{"access-log", s.AccessLog, "off, errors or all"},
		{"access-log-format", s.AccessLogFormat, "text, json or combined"},
		{"log-sources", s.LogSources, "full, host or off"},
	} {
		names := strings.FieldsFunc(choice.allowed, func(r rune) bool { return r == ' ' || r == ',' })
		isOne := choice.value == ""
		for _, name := range names {
			isOne = isOne || strings.EqualFold(name, choice.value) && name != "or"
		}
		if !isOne {
			problems = append(problems,
				fmt.Errorf("--%s is %q: set it to %s", choice.flag, choice.value, choice.allowed))
		}
	}
	if s.AccessLogRate < 0 {
		problems = append(problems, fmt.Errorf("--access-log-rate is %d: set it to 0 or more", s.AccessLogRate))
	}
	return problems
}
