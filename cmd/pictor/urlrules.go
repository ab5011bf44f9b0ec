package main

import (
	"fmt"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// newDialect is how the settings have paths read.
func newDialect(u *config.URLs) (*signedurl.Dialect, error) {
	presets, err := u.PresetList()
	if err != nil {
		return nil, err
	}
	infoPresets, err := u.InfoPresetList()
	if err != nil {
		return nil, err
	}
	key, err := u.SourceKeyBytes()
	if err != nil {
		return nil, err
	}
	d, err := signedurl.NewDialect(signedurl.DialectConfig{
		Presets: presets, InfoPresets: infoPresets, OnlyPresets: u.OnlyPresets, Allowed: u.AllowedOptions(),
		Ignored: u.IgnoredOptions(), Separator: u.Separator, Filename: u.SourceName, SourceKey: key,
	})
	if err == nil {
		err = d.CheckInfoPresets()
	}
	return d, err
}

// sourceRules reads the rules of a setting.
func sourceRules(flag string, texts []string) (rules []origin.SourceRule, err error) {
	for _, text := range texts {
		rule, err := origin.ParseSourceRule(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}
