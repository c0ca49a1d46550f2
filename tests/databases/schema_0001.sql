BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE certificate (
	ordinal INTEGER NOT NULL, 
	certificate_id TEXT NOT NULL, 
	record TEXT NOT NULL, 
	added_at TEXT NOT NULL, 
	revoked_reason TEXT, 
	PRIMARY KEY (ordinal), 
	UNIQUE (certificate_id)
);
INSERT INTO "certificate" VALUES(1,'C-1','{"certificate_id":"C-1","profile":"chronojump_force_sensor","serial_number":"SN 1","coefficients":[0.5,1.01],"range_low":20.0,"range_high":400.0,"valid_from":"2026-03-02T09:00:00.000000+00:00","valid_until":"2026-03-03T09:00:00.000000+00:00","uncertainty":{"floor":1.0,"slope":0.01},"unshared":{"floor":0.5,"slope":0.002},"issued_by":"a laboratory","revoked_reason":null}','2026-03-02T09:00:00.000000+00:00',NULL);
CREATE TABLE deficit (
	ordinal INTEGER NOT NULL, 
	result_id TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	recorded_at TEXT NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (ordinal), 
	UNIQUE (result_id), 
	FOREIGN KEY(session_id) REFERENCES session (session_id)
);
INSERT INTO "deficit" VALUES(1,'00000000-0000-0000-0000-000000000005','00000000-0000-0000-0000-000000000001',1,'2026-03-02T09:01:00.000000+00:00','{"result_id":"00000000-0000-0000-0000-000000000005","revision":1,"status":"final","session_id":"00000000-0000-0000-0000-000000000001","test":{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0},"involved_side":"left","comparison":{"quantity":"peak_force_n","summary":"mean","classification":"exceeds_error","left":null,"right":null,"reference_side":null,"weaker_side":null,"deficit_percent":20.09,"lsi_percent":null,"log_ratio_percent":null,"ci95_percent":[5.1,32.71],"mdc95_percent":null,"threshold_percent":null,"deficit_deg":null,"ci95_deg":null,"mdc95_deg":null,"threshold_deg":null,"mdc_source":null,"reason":null,"flags":[]},"trials":[{"result_id":"00000000-0000-0000-0000-000000000002","revision":1}],"recorded_at":"2026-03-02T09:01:00.000000+00:00","clock_synced":true,"software":"dynod test"}');
CREATE TABLE outbox (
	sequence INTEGER NOT NULL, 
	result_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	topic TEXT NOT NULL, 
	content_type TEXT NOT NULL, 
	payload BLOB NOT NULL, 
	state TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	sent_at TEXT, 
	received_at TEXT, 
	attempts INTEGER NOT NULL, 
	next_attempt_at TEXT, 
	PRIMARY KEY (sequence), 
	CONSTRAINT outbox_result_revision UNIQUE (result_id, revision), 
	CONSTRAINT outbox_state_known CHECK (state IN ('pending', 'sent', 'received'))
);
INSERT INTO "outbox" VALUES(1,'00000000-0000-0000-0000-000000000002',1,'dynod/v1/c/r/results/trial','application/json',X'6D6573736167652031','pending','2026-03-02T09:00:00.000000+00:00',NULL,NULL,0,NULL);
CREATE TABLE reply (
	ordinal INTEGER NOT NULL, 
	request_id TEXT NOT NULL, 
	payload BLOB NOT NULL, 
	PRIMARY KEY (ordinal), 
	UNIQUE (request_id)
);
CREATE TABLE session (
	ordinal INTEGER NOT NULL, 
	session_id TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	ended_at TEXT, 
	record TEXT NOT NULL, 
	PRIMARY KEY (ordinal), 
	UNIQUE (session_id)
);
INSERT INTO "session" VALUES(1,'00000000-0000-0000-0000-000000000001','2026-03-02T09:00:00.000000+00:00',NULL,'{"session_id":"00000000-0000-0000-0000-000000000001","session_code":"AC34","battery":{"name":"short","title":"One test","tests":[{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0}]},"started_at":"2026-03-02T09:00:00.000000+00:00","clock_synced":true,"patient":{"identifier":{"system":"urn:example:mrn","value":"4711"},"sex":"f","birth_year":1970},"encounter":null,"order":null,"operator":null,"body_mass_kg":null,"involved_side":"left","lever_arms_m":{"hip_abduction":{"left":0.36,"right":0.37}},"skipped":[],"binding":0,"ended_at":null}');
CREATE TABLE session_summary (
	ordinal INTEGER NOT NULL, 
	result_id TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	recorded_at TEXT NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (ordinal), 
	UNIQUE (result_id), 
	FOREIGN KEY(session_id) REFERENCES session (session_id)
);
INSERT INTO "session_summary" VALUES(1,'00000000-0000-0000-0000-000000000006','00000000-0000-0000-0000-000000000001',1,'2026-03-02T09:01:30.000000+00:00','{"result_id":"00000000-0000-0000-0000-000000000006","revision":1,"status":"final","session":{"session_id":"00000000-0000-0000-0000-000000000001","session_code":"AC34","battery":{"name":"short","title":"One test","tests":[{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0}]},"started_at":"2026-03-02T09:00:00.000000+00:00","clock_synced":true,"patient":{"identifier":{"system":"urn:example:mrn","value":"4711"},"sex":"f","birth_year":1970},"encounter":null,"order":null,"operator":null,"body_mass_kg":null,"involved_side":"left","lever_arms_m":{"hip_abduction":{"left":0.36,"right":0.37}},"skipped":[],"binding":0,"ended_at":null},"trials":[],"deficits":[],"recorded_at":"2026-03-02T09:01:30.000000+00:00","clock_synced":true,"software":"dynod test"}');
CREATE TABLE station (
	id INTEGER NOT NULL, 
	stream TEXT NOT NULL, 
	next_sequence INTEGER NOT NULL, 
	created_at TEXT NOT NULL, 
	latest_time TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT station_is_one CHECK (id = 1)
);
INSERT INTO "station" VALUES(1,'00000000-0000-0000-0000-000000000007',2,'2026-03-02T09:00:00.000000+00:00','2026-03-02T09:00:00.000000+00:00');
CREATE TABLE trial (
	ordinal INTEGER NOT NULL, 
	result_id TEXT NOT NULL, 
	session_id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	movement TEXT NOT NULL, 
	side TEXT NOT NULL, 
	valid INTEGER NOT NULL, 
	recorded_at TEXT NOT NULL, 
	clock_synced INTEGER NOT NULL, 
	software TEXT NOT NULL, 
	slot TEXT NOT NULL, 
	device TEXT NOT NULL, 
	calibration TEXT NOT NULL, 
	analysis TEXT NOT NULL, 
	pain_nrs INTEGER, 
	note TEXT, 
	PRIMARY KEY (ordinal), 
	UNIQUE (result_id), 
	FOREIGN KEY(session_id) REFERENCES session (session_id)
);
INSERT INTO "trial" VALUES(1,'00000000-0000-0000-0000-000000000002','00000000-0000-0000-0000-000000000001',1,'final','hip_abduction','left',1,'2026-03-02T09:00:05.000000+00:00',1,'dynod test','{"test_index":0,"test":{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0},"side":"left","familiarisation":false,"trial_number":1}','{"device_id":"hhd-1","profile":"chronojump_force_sensor","kind":"force","serial_number":"SN 1"}','{"status":"nominal","coefficients":[0.0,1.0],"certificate_id":null,"valid_until":null,"range_low":null,"range_high":null,"uncertainty":null,"unshared":null}','{"metrics":{},"flags":["uncalibrated"],"valid":true,"tare_n":1.5,"tare_origin":"preroll","sample_rate_hz":82.36}',NULL,NULL);
INSERT INTO "trial" VALUES(2,'00000000-0000-0000-0000-000000000003','00000000-0000-0000-0000-000000000001',1,'final','hip_flexion','right',1,'2026-03-02T09:00:05.000000+00:00',1,'dynod test','{"test_index":0,"test":{"movement":"hip_flexion","position":"supine","contraction":"rom","fixation":"hand","kind":"angle","repetitions":3,"familiarisation":0,"seconds":5.0,"rest_s":30.0,"extra_trials":0},"side":"right","familiarisation":false,"trial_number":1}','{"device_id":"tilt-1","profile":"witmotion_wt901","kind":"angle","serial_number":null}','{"status":"nominal","coefficients":[0.0,1.0],"certificate_id":null,"valid_until":null,"range_low":null,"range_high":null,"uncertainty":null,"unshared":null}','{"metrics":{},"flags":[],"valid":true,"tare_n":0.0,"tare_origin":"preroll","sample_rate_hz":10.0}',NULL,NULL);
INSERT INTO "trial" VALUES(3,'00000000-0000-0000-0000-000000000004','00000000-0000-0000-0000-000000000001',1,'final','hip_abduction','left',1,'2026-03-02T09:00:05.000000+00:00',1,'dynod test','{"test_index":0,"test":{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0},"side":"left","familiarisation":false,"trial_number":1}','{"device_id":"hhd-1","profile":"chronojump_force_sensor","kind":"force","serial_number":"SN 1"}','{"status":"nominal","coefficients":[0.0,1.0],"certificate_id":null,"valid_until":null,"range_low":null,"range_high":null,"uncertainty":null,"unshared":null}','{"metrics":{},"flags":["uncalibrated"],"valid":true,"tare_n":1.5,"tare_origin":"preroll","sample_rate_hz":82.36}',NULL,NULL);
CREATE TABLE trial_metric (
	result_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value FLOAT, 
	PRIMARY KEY (result_id, name), 
	FOREIGN KEY(result_id) REFERENCES trial (result_id)
)
 WITHOUT ROWID

;
INSERT INTO "trial_metric" VALUES('00000000-0000-0000-0000-000000000002','peak_force_n',118.25);
INSERT INTO "trial_metric" VALUES('00000000-0000-0000-0000-000000000002','rfd_0_100_n_per_s',NULL);
INSERT INTO "trial_metric" VALUES('00000000-0000-0000-0000-000000000003','angle_deg',95.25);
INSERT INTO "trial_metric" VALUES('00000000-0000-0000-0000-000000000004','peak_force_n',118.25);
INSERT INTO "trial_metric" VALUES('00000000-0000-0000-0000-000000000004','rfd_0_100_n_per_s',NULL);
CREATE TABLE trial_raw (
	result_id TEXT NOT NULL, 
	t_s BLOB NOT NULL, 
	"values" BLOB NOT NULL, 
	status BLOB NOT NULL, 
	pelvis_deg BLOB, 
	channels TEXT NOT NULL, 
	segment INTEGER NOT NULL, 
	start_s FLOAT NOT NULL, 
	end_s FLOAT NOT NULL, 
	started_by TEXT NOT NULL, 
	nominal_rate_hz FLOAT NOT NULL, 
	axis TEXT NOT NULL, 
	mount_sign INTEGER NOT NULL, 
	flags TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	PRIMARY KEY (result_id), 
	FOREIGN KEY(result_id) REFERENCES trial (result_id)
);
INSERT INTO "trial_raw" VALUES('00000000-0000-0000-0000-000000000002',X'00000000000000009A9999999999893F9A9999999999993F333333333333A33F9A9999999999A93F000000000000B03F333333333333B33F666666666666B63F9A9999999999B93FCDCCCCCCCCCCBC3F000000000000C03F9A9999999999C13F',X'000000000000044000000000000002400000000000000440000000000000064000000000000044400000000000A056400000000000805D400000000000305E400000000000E05D400000000000905D400000000000004E400000000000001440',X'000000000000000000000000',NULL,'["force"]',2,0.05,0.1375,'press',80.0,'force',1,'["timeout"]','25e84cb9c5a65a287379ee0c3d7dcee3ec1b17a82c3546b1995539d89f4f3b42');
INSERT INTO "trial_raw" VALUES('00000000-0000-0000-0000-000000000003',X'00000000000000009A9999999999B93F9A9999999999C93F333333333333D33F',X'0000000000000000000000000000F03F0000000000003E4000000000000000400000000000E0574000000000000008400000000000D05740000000000000F87F',X'00000001',X'000000000000E03F000000000000D03F000000000000E03F0000000000000000','["roll","pitch"]',0,0.1,0.3,'hold',10.0,'roll',-1,'[]','faf9363b2a5c0bb31945ce448ec3bc353fd5e60208873153e91d01f44aca768b');
CREATE INDEX session_ended_at ON session (ended_at);
CREATE INDEX ix_trial_session_id ON trial (session_id);
CREATE INDEX ix_deficit_session_id ON deficit (session_id);
CREATE INDEX ix_session_summary_session_id ON session_summary (session_id);
CREATE TRIGGER trial_raw_is_kept BEFORE UPDATE ON trial_raw
BEGIN SELECT RAISE(ABORT, 'raw samples never change'); END;
CREATE INDEX outbox_state ON outbox (state, next_attempt_at);
CREATE TRIGGER certificate_never_changes BEFORE UPDATE ON certificate
WHEN NEW.ordinal IS NOT OLD.ordinal OR NEW.certificate_id IS NOT OLD.certificate_id
  OR NEW.record IS NOT OLD.record OR NEW.added_at IS NOT OLD.added_at
  OR OLD.revoked_reason IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a certificate can be revoked once, and nothing else'); END;
CREATE TRIGGER certificate_never_goes BEFORE DELETE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END;
COMMIT;
