package accesslog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxText is the length of the longest text of a line, in bytes: a client may send as much as it likes.
const maxText = 2 << 10

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}

// fields calls text and number with what the formats of names and values have, in order.
func (l *Line) fields(leftOut uint64, text func(name, value string), number func(name string, value float64)) {
	text("time", l.Began.UTC().Format("2006-01-02T15:04:05.000Z"))
	text("request", l.RequestID)
	if l.Trace != "" {
		text("trace", l.Trace)
	}
	text("client", l.Client.Address)
	text("method", l.Method)
	text("target", clip(l.Target))
	number("status", float64(l.Status))
	for _, optional := range [][2]string{{"code", l.Code}, {"outcome", l.Outcome}, {"tier", l.Tier}} {
		if optional[1] != "" {
			text(optional[0], optional[1])
		}
	}
	number("sent", float64(l.Sent))
	number("duration_ms", milliseconds(l.Duration))
	for _, p := range l.Phases {
		if p.Time > 0 {
			number(p.Name+"_ms", milliseconds(p.Time))
		}
	}
	if l.Client.Referer != "" {
		text("referer", clip(l.Client.Referer))
	}
	if l.Client.UserAgent != "" {
		text("user_agent", clip(l.Client.UserAgent))
	}
	if leftOut > 0 {
		number("left_out", float64(leftOut))
	}
}

// milliseconds has whole microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// appendText appends a line of the form name=value.
func appendText(b []byte, l *Line, leftOut uint64) []byte {
	begin := func(name string) {
		if name != "time" {
			b = append(b, ' ')
		}
		b = append(append(b, name...), '=')
	}
	l.fields(leftOut, func(name, value string) {
		begin(name)
		if isPlain(value) {
			b = append(b, value...)
		} else {
			b = strconv.AppendQuote(b, value)
		}
	}, func(name string, value float64) {
		begin(name)
		b = strconv.AppendFloat(b, value, 'f', -1, 64)
	})
	return append(b, '\n')
}

// isPlain says whether a value needs no quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= utf8.RuneSelf || s[i] == '"' || s[i] == '\\' || s[i] == '=' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// appendJSON appends a line with a JSON object.
func appendJSON(b []byte, l *Line, leftOut uint64) []byte {
	begin := func(name string) {
		if name != "time" {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
	}
	b = append(b, '{')
	l.fields(leftOut, func(name, value string) {
		begin(name)
		if isPlain(value) || value == "" {
			b = append(append(append(b, '"'), value...), '"')
			return
		}
		quoted, _ := json.Marshal(value) // a string has no errors
		b = append(b, quoted...)
	}, func(name string, value float64) {
		begin(name)
		b = strconv.AppendFloat(b, value, 'f', -1, 64)
	})
	return append(b, "}\n"...)
}

// appendCombined appends a line in the Combined Log Format. There is no place for the rest.
func appendCombined(b []byte, l *Line, _ uint64) []byte {
	b = append(b, orDash(l.Client.Address)...)
	b = append(b, " - - ["...)
	b = l.Began.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendEscaped(b, l.Method)
	b = appendEscaped(append(b, ' '), clip(l.Target))
	b = appendEscaped(append(b, ' '), l.Proto)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(l.Status), 10)
	b = strconv.AppendInt(append(b, ' '), l.Sent, 10)
	b = appendEscaped(append(b, ` "`...), orDash(clip(l.Client.Referer)))
	b = appendEscaped(append(b, `" "`...), orDash(clip(l.Client.UserAgent)))
	return append(b, "\"\n"...)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appendEscaped escapes what would end a text in quotes, as nginx does.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f || r == '"' || r == '\\' }) < 0 {
		return append(b, s...)
	}
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
