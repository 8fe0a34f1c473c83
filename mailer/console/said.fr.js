// What the app itself says, sentence by sentence, in French. A test holds the sentences to those of the app.

const sentences = [
  // What Graph, Entra and the vault said
  [/Graph answered (\d+)((?: [A-Z]\w+)?) for (\S+@\S+)\.(?= )/, "Graph a répondu $1$2 pour $3."],
  [/Graph gave no answer for (\S+@\S+)\.(?= )/, "Graph n’a pas répondu pour $1."],
  [/Graph answered (\d+)((?: [A-Za-z][\w-]*)?(?: \(request-id [^)]*\))?)/, "Graph a répondu $1$2"],
  ["Graph gave no answer", "Graph n’a pas répondu"],
  [/Something answered (\d+)/, "Quelque chose a répondu $1"],
  [" without Graph's error envelope", " sans l’enveloppe d’erreur de Graph"],
  [", which does not tell whether the mail was sent.", ", ce qui ne dit pas si le message est parti."],
  ["The mailbox has to wait.", "La boîte doit attendre."],
  ["Graph asks to try again later.", "Graph demande de réessayer plus tard."],
  ["Graph does not take this mail as it is.", "Graph ne prend pas ce message tel quel."],
  ["That is tried again on another connection.", "C’est réessayé par une autre connexion."],
  ["That is tried again later.", "C’est réessayé plus tard."],
  [/The connection to Microsoft Graph ended without an answer \((\w+)\)\./, "La connexion à Microsoft Graph s’est terminée sans réponse ($1)."],
  [/Microsoft Graph cannot be reached \((\w+)\)\./, "Microsoft Graph est injoignable ($1)."],
  [/There is no trusted connection to Microsoft Graph\. Check MAILER_GRAPH_URL, REQUESTS_CA_BUNDLE and the proxy settings \((\w+)\)\./, "Il n’y a pas de connexion fiable à Microsoft Graph. Vérifiez MAILER_GRAPH_URL, REQUESTS_CA_BUNDLE et les paramètres du proxy ($1)."],
  [/Entra refuses a token \((\w+)\)\./, "Entra refuse un jeton ($1)."],
  [/Entra does not give a token now \((\w+)\); mailer tries again by itself\./, "Entra ne donne pas de jeton pour l’instant ($1) ; mailer réessaie de lui-même."],
  [/Look the code up at (\S+)\.$/, "Cherchez le code sur $1."],
  [/The vault's secret `(.+?)` expires on (\S+) \(days left: (\d+)\)\./, "Le secret « $1 » du coffre expire le $2 (jours restants : $3)."],
  [/The vault's secret `(.+?)` expired on (\S+)\./, "Le secret « $1 » du coffre a expiré le $2."],
  ["Make a new client secret or certificate, add it to the app registration, and write it to the vault as a new version; mailer takes it without a restart.", "Créez un nouveau secret client ou certificat, ajoutez-le à l’inscription d’application et écrivez-le dans le coffre comme nouvelle version ; mailer le prend sans redémarrage."],
  [/(Table|Queue|Blob) Storage does not answer as it should \((\w+), status (\w+)\)\./, "$1 Storage ne répond pas comme il devrait ($2, statut $3)."],
  // What to mend at Graph and Exchange
  ["Graph refuses a fresh token: check MAILER_TENANT_ID, MAILER_AUTHORITY_HOST and MAILER_GRAPH_URL, which must all belong to the same cloud.", "Graph refuse un jeton tout neuf : vérifiez MAILER_TENANT_ID, MAILER_AUTHORITY_HOST et MAILER_GRAPH_URL, qui doivent appartenir au même cloud."],
  ["Grant the app registration the application permission Mail.Send with admin consent, or the Exchange role 'Application Mail.Send' for this mailbox (New-ManagementRoleAssignment); a change takes up to 2 hours to act.", "Accordez à l’inscription d’application l’autorisation d’application Mail.Send avec le consentement de l’administrateur, ou le rôle Exchange « Application Mail.Send » pour cette boîte (New-ManagementRoleAssignment) ; un changement met jusqu’à 2 heures à agir."],
  ["MAILER_ON_UNCERTAIN=verify needs the application permission Mail.Read with admin consent, or the Exchange role 'Application Mail.Read' for this mailbox.", "MAILER_ON_UNCERTAIN=verify demande l’autorisation d’application Mail.Read avec le consentement de l’administrateur, ou le rôle Exchange « Application Mail.Read » pour cette boîte."],
  ["Use the mailbox's own address in `from`, or grant the sender 'Send As' on it.", "Mettez dans `from` l’adresse propre de la boîte, ou accordez-y à l’expéditeur le droit « Envoyer en tant que »."],
  ["The tenant that the token is for has no Exchange Online: check MAILER_TENANT_ID, and that this tenant has a license with Exchange Online.", "Le locataire du jeton n’a pas Exchange Online : vérifiez MAILER_TENANT_ID, et que ce locataire a une licence avec Exchange Online."],
  ["Check that the sender is the primary address of a licensed mailbox in this tenant (Get-Mailbox), and the setting MAILER_SENDERS.", "Vérifiez que l’expéditeur est l’adresse principale d’une boîte sous licence de ce locataire (Get-Mailbox), ainsi que le paramètre MAILER_SENDERS."],
  ["The mailbox is on-premises without hybrid REST, or a policy blocks the app.", "La boîte est locale sans REST hybride, ou une stratégie bloque l’application."],
  ["The sender's mailbox is full; empty it or raise its quota.", "La boîte de l’expéditeur est pleine ; videz-la ou augmentez son quota."],
  ["Exchange has stopped this sender; look at 'Restricted entities' in the Microsoft Defender portal.", "Exchange a bloqué cet expéditeur ; voyez « Entités restreintes » dans le portail Microsoft Defender."],
  ["That page is a proxy's or a firewall's between mailer and Graph, and no verdict on the mail: let requests to MAILER_GRAPH_URL pass there, and check the proxy settings (HTTPS_PROXY, NO_PROXY).", "Cette page vient d’un proxy ou d’un pare-feu entre mailer et Graph, et ne juge pas le message : laissez-y passer les requêtes vers MAILER_GRAPH_URL, et vérifiez les paramètres du proxy (HTTPS_PROXY, NO_PROXY)."],
  // What is wrong with a mail for good
  ["One of the recipients' addresses is not valid.", "L’une des adresses des destinataires n’est pas valide."],
  ["The mail has no recipient.", "Le message n’a pas de destinataire."],
  ["The mail is larger than the mailbox may send.", "Le message est plus grand que ce que la boîte peut envoyer."],
  ["An attachment is too large.", "Une pièce jointe est trop grande."],
  ["Graph misses a part of the mail.", "Il manque à Graph une partie du message."],
  ["Graph cannot read the request.", "Graph ne peut pas lire la requête."],
  ["Graph cannot read the request's path.", "Graph ne peut pas lire le chemin de la requête."],
  ["Graph does not take one of the headers.", "Graph ne prend pas l’un des en-têtes."],
  ["Graph does not take these headers.", "Graph ne prend pas ces en-têtes."],
  ["Graph does not take a property of the mail.", "Graph ne prend pas une propriété du message."],
  ["Graph cannot read the mail.", "Graph ne peut pas lire le message."],
  ["Exchange cannot convert the mail.", "Exchange ne peut pas convertir le message."],
  ["The request is larger than the 4 MB that Graph takes.", "La requête dépasse les 4 Mo que Graph accepte."],
  ["Exchange has found malware in the mail.", "Exchange a trouvé un logiciel malveillant dans le message."],
  // What to mend at Entra
  ["The client secret is wrong: write the secret's value, not its id, to the vault. If a certificate lies there, set MAILER_AUTH to certificate.", "Le secret client est faux : écrivez dans le coffre la valeur du secret, et non son identifiant. Si un certificat s’y trouve, mettez MAILER_AUTH à certificate."],
  ["The client secret has expired: make a new one and write it to the vault.", "Le secret client a expiré : créez-en un nouveau et écrivez-le dans le coffre."],
  ["The certificate has expired or is none of the app registration's: upload its public part there.", "Le certificat a expiré ou n’est pas celui de l’inscription d’application : déposez-y sa partie publique."],
  ["The app registration does not trust the app's identity: it needs a federated credential with the tenant's issuer, the identity's object (principal) id as subject and the cloud's audience. AZURE_CLIENT_ID chooses the identity.", "L’inscription d’application ne fait pas confiance à l’identité de l’application : il lui faut des informations d’identification fédérées avec l’émetteur du locataire, l’ID d’objet (principal) de l’identité comme sujet et l’audience du cloud. AZURE_CLIENT_ID choisit l’identité."],
  ["The tenant has no app registration with this id: check MAILER_CLIENT_ID and MAILER_TENANT_ID.", "Le locataire n’a pas d’inscription d’application avec cet identifiant : vérifiez MAILER_CLIENT_ID et MAILER_TENANT_ID."],
  ["The app registration is disabled.", "L’inscription d’application est désactivée."],
  ["There is no such tenant: check MAILER_TENANT_ID and MAILER_AUTHORITY_HOST.", "Ce locataire n’existe pas : vérifiez MAILER_TENANT_ID et MAILER_AUTHORITY_HOST."],
  ["There is no such tenant: check MAILER_TENANT_ID.", "Ce locataire n’existe pas : vérifiez MAILER_TENANT_ID."],
  ["Graph is not known in this tenant: check MAILER_GRAPH_URL and MAILER_AUTHORITY_HOST.", "Graph est inconnu de ce locataire : vérifiez MAILER_GRAPH_URL et MAILER_AUTHORITY_HOST."],
  // What became of a mail in doubt
  ["The worker that was sending this mail never came back, so nobody knows whether it was sent.", "Le processus qui envoyait ce message n’est jamais revenu : personne ne sait s’il est parti."],
  ["The worker that was uploading this mail's attachments never came back.", "Le processus qui déposait les pièces jointes de ce message n’est jamais revenu."],
  ["Nothing was sent.", "Rien n’a été envoyé."],
  ["It is sent again.", "Il est renvoyé."],
  ["It is not in Sent Items, and is not sent again.", "Il n’est pas dans Éléments envoyés, et n’est pas renvoyé."],
  ["It is not in Sent Items and is sent again.", "Il n’est pas dans Éléments envoyés et il est renvoyé."],
  [/Given up after (.+? )?(\d+:\d\d:\d\d): /, "Abandonné après $1$2 : "],
  ["The host gave the mail's message up after many failed runs; the log has the reason. Mend it and replay it.", "L’hôte a abandonné le message après bien des échecs ; le journal en dit la raison. Réparez-la et renvoyez-le."],
  ["The blob with the mail's request is gone.", "Le blob avec la demande de ce message a disparu."],
  [/The suppressed addresses were hashed with another key than the table `(\w+)` has now, so that nobody knows who must get no mail\. Restore that table; or lift all suppressions, by deleting the rows of the partition `suppressions` in the table of the records, and suppress the addresses anew\./, "Les adresses écartées ont été hachées avec une autre clé que celle de la table « $1 » : personne ne sait plus qui ne doit rien recevoir. Restaurez cette table ; ou levez toutes les exclusions en supprimant les lignes de la partition « suppressions » dans la table du registre, puis écartez les adresses à nouveau."],
  ["Each recipient is on the list of suppressed addresses, so that nobody is left. If one is to get mail again: python -m mailer suppress ADDRESS --lift, and a minute later replay this mail.", "Chaque destinataire est sur la liste des adresses écartées : il ne reste personne. Si l’un d’eux doit recevoir à nouveau des messages : python -m mailer suppress ADDRESS --lift, puis renvoyez ce message une minute plus tard."],
  // Why something cannot be done for a mail
  [/The mail is (\w+); only a failed, an uncertain or a suppressed one can be sent again\./, "Le message a le statut `$1` ; seul un message échoué, incertain ou bloqué peut être renvoyé."],
  [/The mail is (\w+); only a held one can be released\./, "Le message a le statut `$1` ; seul un message retenu peut être libéré."],
  [/The mail is (\w+); only one that waits can be moved\./, "Le message a le statut `$1` ; seul un message qui attend peut être déplacé."],
  [/The mail is (\w+); only one that waits for something to be mended can be tried at once; a failed one can be replayed\./, "Le message a le statut `$1` ; seul un message qui attend une réparation peut être réessayé aussitôt ; un message échoué peut être renvoyé."],
  [/The mail is (\w+); only one that waits or is held can be canceled\./, "Le message a le statut `$1` ; seul un message qui attend ou qui est retenu peut être annulé."],
  ["The mail has moved on just now; look at its status.", "Le message vient d’avancer ; regardez son statut."],
  ["The mail's request is not there any more, or never was one; send it anew.", "La demande de ce message n’existe plus, ou n’en a jamais été une ; envoyez un nouveau message."],
  [/The caller `(.+?)` has reached its `recipients_per_day` in MAILER_CALLERS, so that this mail is held\. Release it \(POST \S+\) or cancel it; for the next ones, raise the number\./, "L’appelant « $1 » a atteint son `recipients_per_day` dans MAILER_CALLERS : ce message est retenu. Libérez-le ou annulez-le ; pour les suivants, augmentez le nombre."],
  // Cures
  ["See in the log why a worker stopped.", "Voyez dans le journal pourquoi un processus s’est arrêté."],
  ["See whether the network between mailer and Graph ends connections early.", "Voyez si le réseau entre mailer et Graph coupe les connexions trop tôt."],
  ["See in the log why the runs failed, and mend that.", "Voyez dans le journal pourquoi les exécutions ont échoué, et réparez cela."],
  ["The content is gone: send the mail anew.", "Le contenu a disparu : envoyez un nouveau message."],
  ["Correct the template.", "Corrigez le modèle."],
  ["Put the template back, or correct the caller.", "Remettez le modèle en place, ou corrigez l’appelant."],
  ["Correct the caller's variables, and send the mail anew, or correct the template.", "Corrigez les variables de l’appelant et envoyez un nouveau message, ou corrigez le modèle."],
  ["Correct the caller, and send the mail anew.", "Corrigez l’appelant, et envoyez un nouveau message."],
  ["Leave the member `mailer` out of messages, and send the mail anew.", "Retirez le membre `mailer` des messages, et envoyez un nouveau message."],
  ["Upload the file again.", "Déposez de nouveau le fichier."],
  ["Mend what the message names.", "Réparez ce que le message nomme."],
  ["Then replay them; a mail that is wrong in itself has to be sent anew, for a replay sends what was asked for.", "Puis renvoyez-les ; un message faux en lui-même doit être demandé de nouveau, car un renvoi envoie ce qui a été demandé."],
  ["Look for the mails in Sent Items, or ask their recipients, and replay what did not arrive: what did would arrive twice. With MAILER_ON_UNCERTAIN=verify mailer looks by itself.", "Cherchez ces messages dans Éléments envoyés, ou demandez aux destinataires, et renvoyez ce qui n’est pas arrivé : le reste arriverait deux fois. Avec MAILER_ON_UNCERTAIN=verify, mailer regarde de lui-même."],
  ["Then they go by themselves within a quarter of an hour, or at once if you retry them.", "Ils partent alors d’eux-mêmes dans le quart d’heure, ou aussitôt si vous les réessayez."],
  // Health
  [/Mails of (.+?) wait since (\S+ \S+) UTC: /, "Les messages de $1 attendent depuis le $2 UTC : "],
  [/Held mails of the caller `(.+?)`: (\d+), since (\S+ \S+) UTC, for it has reached its `recipients_per_day`\. GET \S+ lists them; release or cancel each, or raise the number in MAILER_CALLERS\./, "Messages retenus de l’appelant « $1 » : $2, depuis le $3 UTC, car il a atteint son `recipients_per_day`. Le statut « retenu » les montre ; libérez ou annulez chacun, ou augmentez le nombre dans MAILER_CALLERS."],
  [/The mailbox (\S+) uses (\S+) of MAILER_MAILBOX_DAILY, the recipients that it reaches in 24 hours; what exceeds it waits for the next day\. Spread mails over a pool of mailboxes \(MAILER_POOLS\)\./, "La boîte $1 utilise $2 de MAILER_MAILBOX_DAILY, les destinataires qu’elle atteint en 24 heures ; le surplus attend le lendemain. Répartissez les messages sur un groupe de boîtes (MAILER_POOLS)."],
  [/Messages that lie in `(.+?)`, until they are taken off: (\d+)\./, "Messages qui se trouvent dans `$1`, jusqu’à ce qu’ils en soient retirés : $2."],
  [/This machine's clock is (\d+) s behind that of (.+?)\./, "L’horloge de cette machine retarde de $1 s sur celle de $2."],
  [/This machine's clock is (\d+) s ahead of that of (.+?)\./, "L’horloge de cette machine avance de $1 s sur celle de $2."],
  ["Tokens and signatures carry times: those that seem to be of the future or too old are refused.", "Les jetons et les signatures portent des heures : ceux qui semblent futurs ou trop vieux sont refusés."],
  ["Set the clock by NTP (timedatectl set-ntp true); in a virtual machine see to its host's time.", "Réglez l’horloge par NTP (timedatectl set-ntp true) ; dans une machine virtuelle, voyez l’heure de son hôte."],
  [/There is no mailbox (.+?)\.(?= )/, "Il n’y a pas de boîte $1."],
  ["Give the primary address of a licensed or shared mailbox of the tenant in MAILER_SENDERS (Get-Mailbox).", "Mettez dans MAILER_SENDERS l’adresse principale d’une boîte du locataire, sous licence ou partagée (Get-Mailbox)."],
  ["Graph does not take the token.", "Graph ne prend pas le jeton."],
  ["MAILER_TENANT_ID, MAILER_AUTHORITY_HOST and MAILER_GRAPH_URL must all belong to the same cloud.", "MAILER_TENANT_ID, MAILER_AUTHORITY_HOST et MAILER_GRAPH_URL doivent appartenir au même cloud."],
  [/Whether (.+?) may send is not clear\./, "On ne sait pas si $1 peut envoyer."],
  ["Try again in a few minutes.", "Réessayez dans quelques minutes."],
  [/The mailbox is not in scope: (.+?)\.(?= )/, "La boîte n’est pas dans le périmètre : $1."],
  [/The permission Mail\.Send is missing for (.+?)\.(?= )/, "L’autorisation Mail.Send manque pour $1."],
  [/No consent to Mail\.Send, for (.+?)\.(?= )/, "Pas de consentement à Mail.Send, pour $1."],
  [", although Mail.Send is granted: an application access policy or a scope leaves the mailbox out.", ", bien que Mail.Send soit accordé : une stratégie d’accès aux applications ou un périmètre laisse la boîte de côté."],
  [/; the app may send from (.+?), by a role of Exchange\./, " ; l’application peut envoyer depuis $1, par un rôle d’Exchange."],
  [/; the token has (.+?) only\./, " ; le jeton n’a que $1."],
  ["; the token has no app role: admin consent was never given, and no role of Exchange covers this.", " ; le jeton n’a aucun rôle d’application : le consentement de l’administrateur n’a jamais été donné, et aucun rôle d’Exchange ne couvre cela."],
  [/Put it into the policy's group \(Get-ApplicationAccessPolicy\), or (`.+?`)\./, "Mettez-la dans le groupe de la stratégie (Get-ApplicationAccessPolicy), ou $1."],
  [/(`python -m mailer setup --scope tenant`) as a Privileged Role Administrator, or (`.+?`) as an Exchange Administrator\./, "$1 comme administrateur de rôle privilégié, ou $2 comme administrateur Exchange."],
  ["Exchange may take 30 minutes to 2 hours to see a change.", "Exchange peut mettre de 30 minutes à 2 heures à voir un changement."],
  [/see `(\w+)`$/, "voir `$1`"],
];

/** A text of the app in pieces: `fr` for what is known in French, `en` for all else. */
export function inFrench(text) {
  let pieces = [{ text, lang: "en" }];
  for (const [english, french] of sentences) pieces = pieces.flatMap((piece) => (piece.lang === "en" ? split(piece.text, english, french) : [piece]));
  // A command or a full stop is of no language.
  return pieces.filter(({ text }) => text).map((piece) => (/[A-Za-z]/.test(piece.text.replace(/`.*?`/g, "")) ? piece : { ...piece, lang: "fr" }));
}

function split(text, english, french) {
  const found = typeof english === "string" ? at(text, english) : english.exec(text);
  if (!found) return [{ text, lang: "en" }];
  const said = french.replace(/\$(\d)/g, (_, number) => found[number] ?? "");
  const after = text.slice(found.index + found[0].length);
  return [{ text: text.slice(0, found.index), lang: "en" }, { text: said, lang: "fr" }, ...split(after, english, french)];
}

function at(text, sentence) {
  const index = text.indexOf(sentence);
  return index < 0 ? null : { index, 0: sentence };
}
