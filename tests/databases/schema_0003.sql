BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE audit (
	ordinal INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	who TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	PRIMARY KEY (ordinal)
);
INSERT INTO "audit" VALUES(1,'2026-03-02T09:00:00.000000+00:00','certificate.export','C-1','tester','{"file": "c1.toml"}');
CREATE TABLE certificate (
	ordinal INTEGER NOT NULL, 
	certificate_id TEXT NOT NULL, 
	record TEXT NOT NULL, 
	added_at TEXT NOT NULL, 
	revoked_reason TEXT, 
	PRIMARY KEY (ordinal), 
	UNIQUE (certificate_id)
);
INSERT INTO "certificate" VALUES(1,'C-1','{"certificate_id":"C-1","profile":"chronojump_force_sensor","serial_number":"SN 1","coefficients":[0.5,1.01],"range_low":20.0,"range_high":400.0,"valid_from":"2026-03-02T09:00:00.000000+00:00","valid_until":"2026-03-03T09:00:00.000000+00:00","uncertainty":{"floor":1.0,"slope":0.01},"unshared":{"floor":0.5,"slope":0.002},"issued_by":"a laboratory","revoked_reason":null,"detail":null}','2026-03-02T09:00:00.000000+00:00',NULL);
INSERT INTO "certificate" VALUES(2,'C-2','{"certificate_id":"C-2","profile":"chronojump_force_sensor","serial_number":"SN 1","coefficients":[0.5,1.01],"range_low":20.0,"range_high":400.0,"valid_from":"2026-03-02T09:00:00.000000+00:00","valid_until":"2026-03-03T09:00:00.000000+00:00","uncertainty":{"floor":1.0,"slope":0.01},"unshared":{"floor":0.5,"slope":0.002},"issued_by":"a laboratory","revoked_reason":null,"detail":null}','2026-03-02T09:00:00.000000+00:00','dropped');
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
INSERT INTO "session" VALUES(1,'00000000-0000-0000-0000-000000000001','2026-03-02T09:00:00.000000+00:00',NULL,'{"session_id":"00000000-0000-0000-0000-000000000001","session_code":"AC34","battery":{"name":"short","title":"One test","tests":[{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0,"best_two_percent":10.0}]},"started_at":"2026-03-02T09:00:00.000000+00:00","clock_synced":true,"patient":{"identifier":{"system":"urn:example:mrn","value":"4711"},"sex":"f","birth_year":1970},"encounter":null,"order":null,"operator":null,"body_mass_kg":null,"involved_side":"left","lever_arms_m":{"hip_abduction":{"left":0.36,"right":0.37}},"skipped":[],"binding":0,"ended_at":null}');
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
INSERT INTO "trial" VALUES(1,'00000000-0000-0000-0000-000000000002','00000000-0000-0000-0000-000000000001',1,'final','hip_abduction','left',1,'2026-03-02T09:00:05.000000+00:00',1,'dynod test','{"test_index":0,"test":{"movement":"hip_abduction","position":"supine","contraction":"make","fixation":"hand","kind":"force","repetitions":3,"familiarisation":1,"seconds":5.0,"rest_s":30.0,"extra_trials":0,"best_two_percent":10.0},"side":"left","familiarisation":false,"trial_number":1}','{"device_id":"hhd-1","profile":"chronojump_force_sensor","kind":"force","serial_number":"SN 1"}','{"status":"nominal","coefficients":[0.0,1.0],"certificate_id":null,"valid_until":null,"range_low":null,"range_high":null,"uncertainty":null,"unshared":null,"verification_failed":false}','{"metrics":{},"flags":["uncalibrated"],"valid":true,"tare_n":1.5,"tare_origin":"preroll","sample_rate_hz":82.36,"notes":{}}',NULL,NULL);
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
	sha256 TEXT NOT NULL, stamped BOOLEAN DEFAULT 1 NOT NULL, acceleration_g BLOB, 
	PRIMARY KEY (result_id), 
	FOREIGN KEY(result_id) REFERENCES trial (result_id)
);
INSERT INTO "trial_raw" VALUES('00000000-0000-0000-0000-000000000002',X'0000000000000000FA189C8FC1F9883FFA189C8FC1F9983FBB12B52B51BBA23FFA189C8FC1F9A83F381F83F33138AF3FBB12B52B51BBB23FDB95A85D89DAB53FFA189C8FC1F9B83F199C8FC1F918BC3F381F83F33138BF3F2C51BB12B52BC13FBB12B52B51BBC23F4BD4AE44ED4AC43FDB95A85D89DAC53F6A57A276256AC73FFA189C8FC1F9C83F89DA95A85D89CA3F199C8FC1F918CC3FA95D89DA95A8CD3F381F83F33138CF3F64703E06E763D03F2C51BB12B52BD13FF431381F83F3D13FBB12B52B51BBD23F83F331381F83D33F4BD4AE44ED4AD43F13B52B51BB12D53FDB95A85D89DAD53FA276256A57A2D63F6A57A276256AD73F32381F83F331D83FFA189C8FC1F9D83FC2F9189C8FC1D93F89DA95A85D89DA3F51BB12B52B51DB3F199C8FC1F918DC3FE17C0CCEC7E0DC3FA95D89DA95A8DD3F703E06E76370DE3F',X'C04B1DA55C025940A7AF1668973D5B4080ADE6C2A7F15640C465A64C105252405B4E363708975540543EA2E209905140ABA596C8797359400AB77A4C9B8661408694E9A6F64E554034A25F2DB0585440F4211D2A7FAC5C40501C2D1A39AD5B407BD62F3665CA5940FA09BF5880055240F0C9EB24D6C758402285176DFB365E40020CD95437D64D40607C7DB360915540692874FF4D7B45408EFCFDD12CA84E40CBCED7C9BC5F4640D268DB01A03C57400D892F6901FD4E4077D28EDBD3085B40F0F9494BF62C5A409A87BCB3179957407C105811497F38403B22F7AAB5F554407194B8D0E0A258401634FFA18DD9594055B74A56470C4B409F14B3B5B66A55408D42814D3EA95140D999F05108EF52400B4E1872767A6040F8F96E8E88F15240C05D7CEE8EC158400FEFBF4E07A25F4041C51DB77C9F54404246FB4188295840',X'00000000000000000000000000000000000000000000000000000000000000000000000000000000',NULL,'["force"]',2,1.0,4.87804878048780476973e-01,'press',80.0,'force',1,'["timeout"]','1e67d7f31ec41ad33966fafaac70af916a82c65b7e622182589fe301c6791a6a',1,NULL);
CREATE TABLE verification (
	ordinal INTEGER NOT NULL, 
	profile TEXT NOT NULL, 
	serial_number TEXT NOT NULL, 
	certificate_id TEXT, 
	at TEXT NOT NULL, 
	passed INTEGER NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (ordinal)
);
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
CREATE INDEX verification_unit ON verification (profile, serial_number, at);
CREATE INDEX audit_subject ON audit (subject);
CREATE TRIGGER verification_never_changes BEFORE UPDATE ON verification
BEGIN SELECT RAISE(ABORT, 'checks are kept as they were'); END;
CREATE TRIGGER verification_never_goes BEFORE DELETE ON verification
BEGIN SELECT RAISE(ABORT, 'checks are kept as they were'); END;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is kept as it was written'); END;
CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is kept as it was written'); END;
COMMIT;
