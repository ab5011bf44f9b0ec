package config

import "testing"

// What imgproxy does by default where a variable is missing is what the option says.
func TestAutoQualityFromImgproxy(t *testing.T) {
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"METHOD=dssim"}, "aq:dssim:0.02:70:80:0.002"},
		{[]string{"ALLOWED_ERROR=0.001", "MAX=85", "METHOD=ml", "MIN=60", "TARGET=0.01"}, "aq:dssim:0.01:60:85:0.001"},
		{[]string{"ALLOWED_ERROR=0.001", "METHOD=size", "TARGET=10240"}, "aq:size:10240:70:80"},
		{[]string{"METHOD=none", "TARGET=10240"}, "aq:none"},
		{[]string{"TARGET=10240"}, ""},
	} {
		var environ []string
		for _, entry := range c.environ {
			environ = append(environ, "IMGPROXY_AUTOQUALITY_"+entry)
		}
		got := ""
		FromImgproxy(environ, func(segment string) error { got += segment; return nil })
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.environ, got, c.want)
		}
	}
}
