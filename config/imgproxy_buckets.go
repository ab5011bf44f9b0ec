package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const accountsName = "accounts"

// inAccounts is the note of variables that become a part of accounts.
const inAccounts = "in accounts"

// bucketTranslations are those of variables of buckets. Secrets go to variables that the SDKs read themselves.
var bucketTranslations = map[string]translation{
	"USE_S3":  {note: inAccounts + "; credentials come from AWS_ACCESS_KEY_ID and the like, as before"},
	"USE_GCS": {note: inAccounts}, "USE_ABS": {note: inAccounts},
	"S3_REGION": {note: inAccounts}, "S3_ENDPOINT": {note: inAccounts},
	"S3_ENDPOINT_USE_PATH_STYLE": {note: inAccounts}, "GCS_ENDPOINT": {note: inAccounts},
	"ABS_NAME": {note: inAccounts}, "ABS_ENDPOINT": {note: inAccounts},
	"S3_ALLOWED_BUCKETS": {note: inAccounts}, "GCS_ALLOWED_BUCKETS": {note: inAccounts},
	"ABS_ALLOWED_BUCKETS": {note: inAccounts},
	"S3_DENIED_BUCKETS":   {note: noDenied}, "GCS_DENIED_BUCKETS": {note: noDenied},
	"ABS_DENIED_BUCKETS":         {note: noDenied},
	"S3_ASSUME_ROLE_ARN":         {note: "name the role in a profile of ~/.aws/config (role_arn)"},
	"S3_ASSUME_ROLE_EXTERNAL_ID": {note: "name it in a profile of ~/.aws/config (external_id)"},
	"S3_USE_DECRYPTION_CLIENT":   {note: "pictor does not decrypt objects"},
	"GCS_KEY": {note: "put its text into a file, and set GOOGLE_APPLICATION_CREDENTIALS to the path of that, or " +
		"credentials-file in accounts"},
	"ABS_KEY":   {note: "set AZURE_STORAGE_KEY to the same text, or account-key-file in accounts"},
	"USE_SWIFT": {note: "pictor does not read Swift containers"},
}

const noDenied = "pictor has no list of denied buckets: name the allowed ones in accounts"

func init() {
	for name, t := range bucketTranslations {
		translations[name] = t
	}
}

// accountsFromImgproxy are the accounts that variables of imgproxy come to; "" for none.
func accountsFromImgproxy(environ []string) Table {
	values := map[string]string{}
	for _, entry := range environ {
		if name, ok := strings.CutPrefix(entry, imgproxyPrefix); ok {
			name, value, _ := strings.Cut(name, "=")
			values[name] = strings.TrimSpace(value)
		}
	}
	all := map[string]map[string]string{}
	for store, prefix := range map[string]string{"s3": "S3", "gs": "GCS", "abs": "ABS"} {
		if on, err := strconv.ParseBool(values["USE_"+prefix]); err != nil || !on {
			continue
		}
		account := Account{Store: store, Bucket: "*", Endpoint: values[prefix+"_ENDPOINT"]}
		if account.Endpoint != "" && !strings.Contains(account.Endpoint, "://") {
			account.Endpoint = "http://" + account.Endpoint
		}
		switch store {
		case "s3":
			account.Region = values["S3_REGION"]
			if style, err := strconv.ParseBool(values["S3_ENDPOINT_USE_PATH_STYLE"]); err == nil {
				account.PathStyle = strconv.FormatBool(style)
			}
		case "abs":
			account.AccountName = values["ABS_NAME"]
		}
		if len(account.findProblems()) > 0 || store == "abs" && account.AccountName+account.Endpoint == "" {
			continue
		}
		addBuckets(all, account, values[prefix+"_ALLOWED_BUCKETS"])
	}
	if len(all) == 0 {
		return ""
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return ""
	}
	return Table(text)
}

// addBuckets adds an account for each bucket of a list, or one for all buckets where the list is empty. What is
// no plain name is left out, so that no more is allowed than before.
func addBuckets(all map[string]map[string]string, account Account, allowed string) {
	add := func(name, bucket string) {
		fields := map[string]string{}
		for field, value := range map[string]string{"store": account.Store, "bucket": bucket,
			"endpoint": account.Endpoint, "region": account.Region, "path-style": account.PathStyle,
			"account-name": account.AccountName} {
			if value != "" {
				fields[field] = value
			}
		}
		all[name] = fields
	}
	if allowed == "" {
		add(account.Store, account.Bucket)
		return
	}
	for _, bucket := range splitList(allowed) {
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
		if strings.Trim(strings.ToLower(bucket), letters+"-_.") == "" {
			add(account.Store+"-"+bucket, bucket)
		}
	}
}
